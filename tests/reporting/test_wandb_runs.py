"""Tables of runs to W&B and back, without its server."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb
from reporting.run_folders import make_run, manifests

from hemblip.errors import DataError
from hemblip.reporting import wandb_runs


class Server:
    """Keeps what is logged, and gives it back as W&B's public API does."""

    def __init__(self, store):
        self.store, self.logged = store, []

    def run(self, name):
        run = SimpleNamespace(id=f"id{len(self.logged)}", name=name, artifacts=[])
        run.log_artifact = lambda artifact: run.artifacts.append(self._kept(run, artifact))
        run.logged_artifacts = lambda: run.artifacts
        self.logged.append(run)
        return run

    def _kept(self, run, artifact):
        folder = self.store / run.id
        for name, entry in artifact.manifest.entries.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(entry.local_path, target)
        return SimpleNamespace(
            type=artifact.type,
            metadata=artifact.metadata,
            download=lambda root: shutil.copytree(folder, root, dirs_exist_ok=True),
        )

    def sweep(self, path):
        assert path == "entity/project/sweep"
        return SimpleNamespace(runs=self.logged)

    def runs(self, path):
        assert path == "entity/project"
        return iter(self.logged)


@pytest.fixture
def server(tmp_path, monkeypatch):
    made = Server(tmp_path / "server")
    monkeypatch.setattr(wandb, "Api", lambda **_: made)
    return made


@pytest.mark.parametrize("address", ["entity/project/sweep", "entity/project"])
def test_what_is_logged_comes_back(workplace, server, capsys, address):
    folder = make_run(Path("runs/a/version_0"), manifests(cells=10, size=32), 0.8)
    wandb_runs.log_run(server.run("first"), folder)
    server.run("never tested")
    (found,) = wandb_runs.fetch_runs(address, Path("fetched"))
    assert found.name == "a"
    assert found.described == ["test", "external"] and found.baselines("test") is not None
    assert found.config["seed_everything"] == 0
    assert "never tested" in capsys.readouterr().out


def test_a_sweep_without_tables_is_said_so(workplace, server):
    server.run("bare")
    with pytest.raises(DataError, match="none of its 1 runs logged tables"):
        wandb_runs.fetch_runs("entity/project/sweep", Path("fetched"))


def test_without_network_or_account_the_message_says_what_to_do(workplace, monkeypatch):
    def refuse(**_):
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "Api", refuse)
    with pytest.raises(DataError, match="wandb login"):
        wandb_runs.fetch_runs("entity/project/sweep", Path("fetched"))
