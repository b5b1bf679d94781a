"""The command line: fit, validate, test and predict by LightningCLI, the other commands by jsonargparse."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from hemblip import __version__
from hemblip.cli.commands import COMMANDS, run_command
from hemblip.cli.config_files import check_words, option
from hemblip.cli.configs import resolved
from hemblip.cli.errors import error_line, unexpected_line
from hemblip.cli.help import asked, check_names, help_text, without_all
from hemblip.versions import RUNS

BEST = "--ckpt_path runs/smoke/version_0/checkpoints/best.ckpt"

TRAINER_COMMANDS: dict[str, tuple[str, str]] = {
    "fit": ("train a captioner", "--config configs/smoke.yaml"),
    "validate": ("score a checkpoint on the validation cells", f"--config configs/smoke.yaml {BEST}"),
    "test": ("score a checkpoint on the test or external cells", f"--config configs/smoke.yaml {BEST}"),
    "predict": ("describe a folder of images or a manifest", f"--config configs/smoke.yaml {BEST} --images my_cells"),
}

SHORT = {"--dry-run": "--model.init_args.dry_run=true"}
"""What short words stand for in these commands: captioners that cost money have a dry run."""

USAGE = "usage: python -m hemblip COMMAND --config CONFIG.yaml [--key value ...]\n\ncommands:\n{commands}\n\n" + (
    "example: python -m hemblip fit --config configs/smoke.yaml\n"
    "Results of runs go to runs/, or where --runs DIR or HEMBLIP_RUNS says.\n"
    "`python -m hemblip COMMAND --help` lists a command's settings, `--print_config` shows them as a config."
)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: words after `python -m hemblip`; those of this process if None.

    Returns:
        Exit code: 0; 2 after an error that the user can mend, 1 after one that nobody foresaw, 130 after Ctrl-C; each
        is printed as one line.

    Raises:
        BrokenPipeError: nobody reads the output any more.
    """
    command, *rest = [*(sys.argv[1:] if args is None else args)] or ["--help"]
    _quieten()
    try:
        rest = [resolved(SHORT.get(word, word) if command in TRAINER_COMMANDS else word) for word in rest]
        check_words(rest)
        if command not in TRAINER_COMMANDS and command not in COMMANDS:
            return _usage(command)
        if asked(rest):
            sys.stdout.write(f"{help_text(command, rest, _example(command))}\n")
            return 0
        check_names(command, rest)
        rest = without_all(rest)
        with _results_where_told(command, rest) as others:
            if command in TRAINER_COMMANDS:
                from hemblip.cli.lightning import run

                run([command, *others], TRAINER_COMMANDS[command][1])
            else:
                run_command(command, others)
    except BrokenPipeError:  # who read the output has gone
        raise
    except Exception as error:
        line = error_line(error, rest, _example(command))
        sys.stderr.write(f"error: {line or unexpected_line(error)}\n")
        return 1 if line is None else 2
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"stopped{stop}\n")
        return 130
    except SystemExit as end:  # --help and --print_config end so
        return int(end.code or 0)
    return 0


@contextmanager
def _results_where_told(command: str, words: list[str]) -> Iterator[list[str]]:
    """Let `--runs` name the folder of all runs, and give the other words; `compare` calls the runs themselves so."""
    if command in COMMANDS and COMMANDS[command].positional == "runs":
        yield words
        return
    folder, others = option(words, "--runs")
    before = os.environ.get(RUNS)
    try:
        os.environ.update({} if folder is None else {RUNS: folder})
        yield others
    finally:
        os.environ.pop(RUNS, None)
        os.environ.update({} if before is None else {RUNS: before})


def _example(command: str) -> str:
    """Give a command line that works in a clone."""
    example = TRAINER_COMMANDS[command][1] if command in TRAINER_COMMANDS else COMMANDS[command].example
    return f"python -m hemblip {command} {example}"


def _usage(command: str) -> int:
    lines = {name: text for name, (text, _) in TRAINER_COMMANDS.items()}
    lines |= {name: command.purpose for name, command in COMMANDS.items()}
    text = USAGE.format(commands="\n".join(f"  {name:<9} {line}" for name, line in lines.items()))
    if command == "--version":
        sys.stdout.write(f"hemblip {__version__}\n")
        return 0
    if command in ("--help", "-h"):
        sys.stdout.write(f"{text}\n")
        return 0
    near = get_close_matches(command, lines, 1)
    meant = f"did you mean {near[0]}? There" if near else "there"
    sys.stderr.write(f"error: no command '{command}'; {meant} are {', '.join(lines)}\n")
    return 2


def _quieten() -> None:
    """Libraries' tips and progress of single files would bury our own lines."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
    warnings.filterwarnings("ignore", message="(Experiment logs|Checkpoint) directory .* not empty")  # resumed
    # It looks for a state in the loader; ours is kept by the cells, see `InternalCells.state_dict`.
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch ended")
    # Our batches hold each cell once: https://github.com/Lightning-AI/pytorch-lightning/pull/19678
    warnings.filterwarnings("ignore", message="You are using a custom batch sampler")
    # What is logged under DDP is the same on all ranks already.
    warnings.filterwarnings("ignore", message="It is recommended to use `self.log")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*deprecated")  # Lightning's own business
    for name in (
        "lightning.pytorch.utilities.rank_zero",
        "lightning.pytorch.trainer.connectors.checkpoint_connector",
        "lightning.fabric.utilities.seed",
        "httpx",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
