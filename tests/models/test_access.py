"""What a user reads when pretrained weights cannot be had."""

import pytest
from huggingface_hub import errors as hub
from huggingface_hub.utils import httpx

from hemblip.errors import ModelAccessError
from hemblip.models import access
from hemblip.models.access import check_memory, reaching

MODEL = "google/medgemma-4b-it"


def answer(kind, status):
    return kind("no", response=httpx.Response(status, request=httpx.Request("HEAD", "https://huggingface.co/x")))


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (answer(hub.GatedRepoError, 401), ["licence", "HF_TOKEN", f"https://huggingface.co/{MODEL}"]),
        (answer(hub.GatedRepoError, 403), ["not been granted", "accept the licence"]),
        (answer(hub.RevisionNotFoundError, 404), ["no revision 'abc'"]),
        (answer(hub.RepositoryNotFoundError, 404), ["no such model"]),
        (hub.LocalEntryNotFoundError("no network"), ["cannot be reached", "compact"]),
        (hub.OfflineModeIsEnabled("offline"), ["cannot be reached", "compact"]),
        (hub.HFValidationError("bad id"), ["neither a folder here nor a hub id"]),
        (ValueError("torn file"), ["wrapped by the library", "config.json"]),
    ],
)
def test_each_obstacle_is_told_in_one_line_with_its_remedy(cause, says):
    with pytest.raises(ModelAccessError) as told, reaching(MODEL, "abc"):
        raise OSError("wrapped by the library") from cause
    message = str(told.value)
    assert "\n" not in message and message.startswith(MODEL)
    assert all(part in message for part in says), message


def test_a_folder_without_a_model(tmp_path):
    from hemblip.models.medgemma import MedGemmaCaptioner

    with pytest.raises(ModelAccessError, match=r"cannot be loaded.*config\.json"):
        MedGemmaCaptioner(pretrained=str(tmp_path))
    with pytest.raises(ModelAccessError, match="neither a folder here nor a hub id"):
        MedGemmaCaptioner(pretrained=str(tmp_path / "absent"))


def test_too_little_memory_is_noticed_before_loading(monkeypatch):
    monkeypatch.setattr(access, "_free", lambda: 2 * access.GIB)
    check_memory(MODEL, access.GIB, "use less")
    with pytest.raises(ModelAccessError, match=r"take 8\.0 GiB but 2\.0 GiB of memory are free; use less"):
        check_memory(MODEL, 8 * access.GIB, "use less")
