"""`python -m hemblip export`: a run as a Hugging Face folder that plain `transformers` loads."""

import json
from pathlib import Path
from typing import Literal

import torch
from huggingface_hub import HfApi
from peft import LoraConfig
from safetensors.torch import save_file

from hemblip.atomic import check_folder_writable, making_folder
from hemblip.errors import ConfigError
from hemblip.export.card import model_card, notice
from hemblip.export.onnx import check_packages, write_onnx
from hemblip.export.processors import write_processor
from hemblip.export.usage import told
from hemblip.exported import EXPORTED, exported_settings
from hemblip.models.access import bars_on_terminals, reaching
from hemblip.models.adapters import merge_adapters
from hemblip.models.blip import BlipCaptioner
from hemblip.models.blip_vqa import BlipVqaCaptioner
from hemblip.models.familiarity import Familiarity
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.models.validated import choices_of
from hemblip.models.vlm import VlmCaptioner
from hemblip.run import Run

Exported = BlipCaptioner | MedGemmaCaptioner | VlmCaptioner


def export(
    run: str,
    output: str | None = None,
    onnx: bool = False,
    format: Literal["merged", "adapter"] = "merged",
    push: str | None = None,
    dry_run: bool = False,
) -> None:
    """Merge what a run trained into its base model and write it with processor, generation settings and model card.

    Example: `python -m hemblip export --run runs/smoke/version_0 --output exported/smoke`

    Args:
        run: run folder, whose best checkpoint is taken, a checkpoint in one, a folder that was exported, or the name
            of a captioner that comes with HemBLIP.
        output: new folder; `export` in the run folder if left out.
        onnx: write BLIP's two networks as ONNX files too (`pip install 'hemblip[onnx]'`).
        format: `merged`, the whole model; or `adapter`, what PEFT and vLLM put into the base model.
        push: repository on the Hugging Face hub, `name/model`, that the folder is sent to, as a private one.
        dry_run: with `push`: say what would be sent.
    """
    trained = Run.meant(run)
    target = Path(output) if output else trained.results / "export"
    if target.exists() or target.is_symlink():
        raise ConfigError(f"--output {target}: exists already; remove it, or name another folder")
    check_folder_writable(target)
    if onnx:
        check_packages()
    # Adapters cannot be merged into 4-bit weights without rounding what was learnt.
    quantized = trained.model.get("init_args", {}).get("quantize_4bit", False)
    captioner = trained.captioner(**({"quantize_4bit": False} if quantized else {}))
    captioner.choices = choices_of(trained, captioner, trained.checkpoint)
    if not isinstance(captioner, Exported):
        raise ConfigError(f"{type(captioner).__name__} cannot be exported; BLIP, MedGEMMA and VLM can")
    captions = isinstance(captioner, BlipCaptioner) and not isinstance(captioner, BlipVqaCaptioner)
    if onnx and (format == "adapter" or not captions):
        raise ConfigError("--onnx true: only BLIP's merged model for captions is written as ONNX; leave it out")
    if format == "adapter":
        check_adapter(captioner)
    with making_folder(target) as partial:
        if format == "adapter":
            write_adapter(captioner, partial)
        else:
            write_model(captioner, partial)
            (partial / EXPORTED).write_text(json.dumps(exported_settings(captioner), indent=2) + "\n")
        if (familiarity := Familiarity.read(trained.folder)) is not None:
            familiarity.write(partial)
        if onnx and isinstance(captioner, BlipCaptioner):
            write_onnx(captioner, partial)
        (partial / "README.md").write_text(model_card(captioner, trained, target.name, onnx, format == "adapter"))
        if words := notice(captioner, trained):
            (partial / "NOTICE").write_text(f"{words}\n")
    print("\n".join(f"{path.stat().st_size / 1e6:9.2f} MB  {path}" for path in sorted(target.iterdir())))
    if push is not None:
        send(target, push, dry_run)


def send(folder: Path, repository: str, dry_run: bool) -> None:
    """Send an exported folder to the hub.

    Raises:
        ModelAccessError: no network, no token, or no right to write there.
    """
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    told = f"{size:,.1f} MB to https://huggingface.co/{repository}, private"
    if dry_run:
        print(f"would send {told}")
        return
    with reaching(repository, None):
        hub = HfApi()
        hub.create_repo(repository, private=True, exist_ok=True)
        hub.upload_folder(folder_path=folder, repo_id=repository)
    print(f"sent {told}")


def write_model(captioner: Exported, folder: Path) -> None:
    """Merge adapters and write weights, settings, tokenizer and image processor.

    Weights are in float32 if any was trained: steps of 5e-5 are lost in the 8 bits of a bfloat16 weight.

    Args:
        captioner: changed: its adapters become part of its weights.
        folder: exists.
    """
    if any(parameter.dtype == torch.float32 for parameter in captioner.model.parameters()):
        captioner.model.float()
    merge_adapters(captioner.model)
    captioner.model.generation_config = captioner.generation_config()
    with bars_on_terminals():
        captioner.model.save_pretrained(folder)
    write_processor(captioner, folder)


def check_adapter(captioner: Exported) -> None:
    """Look whether PEFT's format holds what was trained.

    Raises:
        ConfigError: there are no adapters, more was trained beside them, or nobody else has the base model.
    """
    parameters = list(captioner.model.named_parameters())
    if not any("lora_" in name for name, _ in parameters):
        raise ConfigError(f"--format adapter: adaptation {captioner.adaptation} has no adapters; leave it out")
    if captioner.pretrained == "compact":
        raise ConfigError(
            "--format adapter: a compact model is published nowhere, so that its adapters fit nothing; leave it out "
            "for the merged model"
        )
    if beside := [name for name, weight in parameters if weight.requires_grad and "lora_" not in name]:
        raise ConfigError(
            f"--format adapter: {len(beside)} other weights were trained as well, first {beside[0]}, which PEFT's "
            "format does not hold; leave it out for the merged model, or train with train_last_layers 0 and train_head "
            "false"
        )


def write_adapter(captioner: Exported, folder: Path) -> None:
    """Write the adapters as PEFT does: `adapter_config.json`, which names the base model, and their weights.

    Processor and generation settings lie beside them: those of the base model may differ.
    """
    parameters = list(captioner.model.named_parameters())
    chosen, names = captioner.settings()["init_args"], {name for name, _ in parameters if "lora_" in name}
    LoraConfig(
        r=chosen["lora_rank"],
        lora_alpha=chosen["lora_alpha"],
        lora_dropout=chosen["lora_dropout"],
        target_modules=sorted({name.split(".lora_")[0] for name in names}),
        base_model_name_or_path=told(captioner.pretrained),
        revision=captioner.revision,
        inference_mode=True,
    ).save_pretrained(folder)
    weights = {
        f"base_model.model.{name.replace('.default', '')}": weight.detach().contiguous()
        for name, weight in parameters
        if name in names
    }
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    captioner.generation_config().save_pretrained(folder)
    write_processor(captioner, folder)
