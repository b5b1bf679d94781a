"""The model card of an exported run (Mitchell et al., FAT* 2019), filled from what the run wrote."""

from collections.abc import Mapping
from typing import Any

import lightning
import pandas as pd
import peft
import torch
import transformers
import yaml

from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.errors import CheckpointError
from hemblip.export.onnx import onnx_code
from hemblip.export.usage import caption_code, serving, told
from hemblip.metrics.baselines import MAJORITY
from hemblip.models.blip import BLIP_BASE, BlipCaptioner
from hemblip.models.blip_vqa import BLIP_VQA, BlipVqaCaptioner
from hemblip.models.captioner import Captioner
from hemblip.models.gemma_weights import MEDGEMMA
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.models.trainable_parameters import FILE as PARAMETERS
from hemblip.models.vlm import VlmCaptioner
from hemblip.run import TRAINING_CELLS, Run

HAI_DEF = {
    "license": "other",
    "license_name": "health-ai-developer-foundations",
    "license_link": "https://developers.google.com/health-ai-developer-foundations/terms",
}

LICENCES: dict[str, dict[str, str]] = {
    BLIP_BASE: {"license": "bsd-3-clause"},
    BLIP_VQA: {"license": "bsd-3-clause"},
    MEDGEMMA: HAI_DEF,
    "google/medgemma-1.5-4b-it": HAI_DEF,
    "Qwen/Qwen3-VL-4B-Instruct": {"license": "apache-2.0"},
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": {"license": "apache-2.0"},
    "compact": {"license": "mit"},
}
"""Of the base models; a fine-tuned model inherits them."""

PIPELINE = (
    'Version 5 of transformers has no `pipeline("image-to-text")` any more, and every pipeline cuts and resizes '
    "images by the processor alone, which is not how the model's cells were: prepare them as above"
)
LOADED = ', or let `hemblip.load("{folder}").describe(["cell.png"])` do it.'

ONNX = "\n### ONNX\n\nGreedy decoding:\n\n```python\n"

NOTICE = (
    "HAI-DEF is provided under and subject to the Health AI Developer Foundations Terms of Use found at "
    f"{HAI_DEF['license_link']}"
)
"""The words that those terms ask for, in a file beside MedGEMMA and what is made from it."""

LICENCE = f"""
## Licence

{NOTICE}

This model is a derivative of HAI-DEF, changed as said above. Who passes it on passes on those terms, the restrictions
of use in their section 3.2, and the file NOTICE; clinical use needs the authorisation that they ask for."""

INTENDED_USE = """\
Research on interpretable descriptions of single white blood cells in stained peripheral blood smears, and comparison
of captioners. It describes what it was trained to name: cell type, size and shape, nucleus, chromatin, nucleoli,
cytoplasm, granules, and a diagnosis.

It is no medical device. It must not be used to diagnose, to choose a treatment or to screen patients, with or without a
physician's review."""

LIMITS = """\
- A caption is always written, also for an image without a cell, of another tissue, or out of focus. A fluent sentence
  is no evidence that an attribute was seen.
- The diagnosis is confounded with the dataset: healthy and leukemic cells come from different laboratories, stains and
  cameras. A diagnosis in a caption may reflect these.
- Scores hold for cells of the sources above. Other scanners, stains, magnifications and patient groups were not
  measured, unless the table has external cells.
- Rare classes are seldom right although mean accuracy may be high: see the per-attribute scores."""


def model_card(
    captioner: BlipCaptioner | MedGemmaCaptioner | VlmCaptioner,
    run: Run,
    folder: str,
    onnx: bool = False,
    adapter: bool = False,
) -> str:
    """Write the card as Markdown.

    Args:
        captioner: as exported.
        run: scores, counts and settings are read from it.
        folder: name of the folder that the model is written to.
        onnx: whether it has ONNX files too.
        adapter: the folder has adapters alone, which go into the base model.

    Raises:
        CheckpointError: the run is an exported folder without a card.
    """
    if run.exported:
        return _card_again(captioner, run, folder, onnx)
    config = run.config
    name = str(config.get("name", run.folder.name))
    data = config.get("data") or {}
    head = {
        **LICENCES.get(captioner.pretrained, {"license": "other"}),
        "base_model": base if "/" in (base := str(told(captioner.pretrained))) else None,
        "base_model_relation": "adapter" if adapter else None,
        "pipeline_tag": "visual-question-answering" if isinstance(captioner, BlipVqaCaptioner) else "image-to-text",
        "library_name": "peft" if adapter else "transformers",
        "language": "en",
        "tags": ["hematology", "white-blood-cells", "leukemia", "image-captioning", "hemblip"],
    }
    parts = [
        "---",
        yaml.safe_dump({key: value for key, value in head.items() if value}, sort_keys=False).rstrip(),
        "---",
        f"\n# {name}\n",
        *([f"**{DRAWN}**: what it was trained on, and what its scores are of.\n"] if _of_drawn(data, run) else []),
        f"Describes a white blood cell in words. {_origin(captioner, run, adapter)}",
        f"\n## Use\n\n```python\n{caption_code(captioner, folder, data, adapter)}\n```\n\n"
        f"{_decoding(captioner)}\n\n{_preparing(folder, data, adapter)}",
        *([f"\n### vLLM\n\n{serving(captioner, folder, adapter)}"] if not isinstance(captioner, BlipCaptioner) else []),
        *([f"{ONNX}{onnx_code(captioner, folder)}\n```"] if onnx and isinstance(captioner, BlipCaptioner) else []),
        f"\n## Training data\n\n{_data(data, run)}",
        f"\n## Scores\n\n{_scores(run)}",
        f"\n## Intended use\n\n{INTENDED_USE}",
        f"\n## Limits\n\n{_unseen(captioner)}{LIMITS}",
        *([LICENCE] if under_hai_def(captioner) else []),
        f"\n## How it was made\n\n{_making(config, run)}",
    ]
    return "\n".join(parts) + "\n"


def _card_again(captioner: Captioner, run: Run, folder: str, onnx: bool) -> str:
    """The card of an exported model for another folder of it: scores and origin stay what they are."""
    path = run.folder / "README.md"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; export the run again")
    text = path.read_text(encoding="utf-8").replace(f'"{run.folder.name}"', f'"{folder}"')
    if onnx and isinstance(captioner, BlipCaptioner) and ONNX not in text:
        text += f"{ONNX}{onnx_code(captioner, folder)}\n```\n"
    return text


def notice(captioner: Captioner, run: Run) -> str:
    """Give the words that lie beside a model, as the terms of its base model ask for; empty if they ask for none."""
    before = run.folder / "NOTICE"
    if run.exported:
        return before.read_text(encoding="utf-8").strip() if before.is_file() else ""
    return NOTICE if under_hai_def(captioner) else ""


def under_hai_def(captioner: Captioner) -> bool:
    """Tell whether a captioner is made from a model of Google's Health AI Developer Foundations."""
    return LICENCES.get(captioner.pretrained) is HAI_DEF


def _unseen(captioner: Captioner) -> str:
    told = captioner.never_seen()
    return f"- {told} It calls them something that it knows.\n" if told else ""


def _origin(captioner: Captioner, run: Run, adapter: bool) -> str:
    base = str(told(captioner.pretrained))
    base = f"{base} at revision {captioner.revision}" if captioner.revision else base
    if captioner.pretrained == "compact":
        base = "a compact model with random weights"
    how = {"full": "with all weights trained", "base": "as published", "lora": "with LoRA adapters merged into it"}
    text = f"Made from {base}, {how[captioner.adaptation]}."
    if adapter:
        text = f"LoRA adapters for {base}, which is not in this folder: PEFT puts them into it."
    if (run.folder / PARAMETERS).is_file():
        total = pd.read_csv(run.folder / PARAMETERS).set_index("module").loc["total"]
        text += f" {int(total['trained']):,} of {int(total['parameters']):,} parameters were trained."
    return text


def _preparing(folder: str, data: Mapping[str, Any], adapter: bool) -> str:
    """Say what the code does not do to an image."""
    text = PIPELINE + ("." if adapter else LOADED.format(folder=folder))
    if countermeasures := (data.get("init_args") or {}).get("countermeasures"):
        kinds = [given if isinstance(given, str) else given["class_path"] for given in countermeasures]
        names = ", ".join(f"`{kind.rsplit('.', 1)[-1]}`" for kind in kinds)
        text = f"The run applied {names} to each cell first, which the lines above do not. {text}"
    return text


def _decoding(captioner: Captioner) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in captioner.decoding.settings().items())
    text = f"Decoding, as in the scores below: {settings}."
    if isinstance(captioner, MedGemmaCaptioner | VlmCaptioner) and {"no_repeat_ngram_size", "repetition_penalty"} & set(
        captioner.decoding.settings()
    ):
        text += (
            " Here `transformers` counts the prompt's words as repeated ones, the scores do not: captions can differ."
        )
    return text


def _of_drawn(data: Mapping[str, Any], run: Run) -> bool:
    """Whether all cells of the run are drawn, by those that it was trained on, else by its sources."""
    if (trained := run.folder / TRAINING_CELLS).is_file():
        return all_drawn(pd.read_parquet(trained, columns=["source"])["source"])
    sources = (data.get("init_args") or {}).get("sources") or []
    return all_drawn(source["class_path"].rpartition(".")[2].lower() for source in sources)


def _data(data: Mapping[str, Any], run: Run) -> str:
    settings = data.get("init_args") or {}
    lines = []
    for source in settings.get("sources") or []:
        arguments = ", ".join(f"{key}: {told(value)}" for key, value in (source.get("init_args") or {}).items())
        lines.append(f"- `{source['class_path']}`{f' ({arguments})' if arguments else ''}")
    size, crop = settings.get("image_size"), settings.get("crop") or 1.0
    lines += [f"\nCells are the central {crop:.0%} of the image's shorter side, resized to {size} x {size} pixels."]
    trained = run.folder / TRAINING_CELLS
    lines += [f"Trained on {len(pd.read_parquet(trained)):,} cells."] if trained.is_file() else []
    return "\n".join(lines)


def _scores(run: Run) -> str:
    metrics: dict[str, Any] = dict(run.scores)
    if not metrics:
        return "This run was not tested."
    rows = [
        "| cells | number | accuracy % | majority % | macro-F1 % | BLEU | ROUGE-L |",
        "|---|---|---|---|---|---|---|",
    ]
    for split, scores in metrics.items():
        model, majority = scores["model"], scores["baselines"].get(MAJORITY, {})
        percents = [_percent(value) for value in (model["accuracy"], majority.get("accuracy"), model["macro_f1"])]
        texts = [f"{model[key]:.3f}" for key in ("bleu", "rouge_l")]
        rows.append(f"| {split} | {model['cells']} | " + " | ".join([*percents, *texts]) + " |")
    split, last = list(metrics.items())[-1]
    rows += ["", f"Attributes stated in captions of {split} cells; silence counts as wrong.", ""]
    rows += ["| attribute | labelled cells | stated % | accuracy % |", "|---|---|---|---|"]
    for key, row in last["model"]["attributes"].items():
        rows.append(f"| {key} | {row['count']} | {_percent(row['coverage'])} | {_percent(row['accuracy'])} |")
    return "\n".join(rows)


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"


def _making(config: Mapping[str, Any], run: Run) -> str:
    versions = {"torch": torch, "lightning": lightning, "transformers": transformers, "peft": peft}
    tools = ", ".join(f"{name} {module.__version__}" for name, module in versions.items())
    settings = {key: config[key] for key in ("seed_everything", "model") if config.get(key) is not None}
    # Lightning's own defaults are of no interest.
    settings["trainer"] = {
        key: value for key, value in (config.get("trainer") or {}).items() if value not in (None, False)
    }
    kept = yaml.safe_dump(told(settings), sort_keys=False).rstrip()
    folder = "/".join(run.folder.parts[-2:])
    return f"HemBLIP run `{folder}`, exported with {tools}.\n\n```yaml\n{kept}\n```"
