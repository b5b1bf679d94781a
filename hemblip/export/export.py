"""`python -m hemblip export`: a run as a Hugging Face folder that plain `transformers` loads."""

import json
import shutil
from pathlib import Path

import torch
from transformers import BlipImageProcessorPil, BlipProcessor, Gemma3ImageProcessorPil, Gemma3Processor

from hemblip.errors import ConfigError
from hemblip.export.card import model_card
from hemblip.export.onnx import check_packages, write_onnx
from hemblip.models.adapters import merge_adapters
from hemblip.models.blip import DEVIATION, MEAN, BlipCaptioner
from hemblip.models.loading import EXPORTED, exported_settings
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.run import Run


def export(run: str, output: str | None = None, onnx: bool = False) -> None:
    """Merge what a run trained into its base model and write it with processor, generation settings and model card.

    Example: `python -m hemblip export --run runs/smoke/version_0 --output exported/smoke`

    Args:
        run: run folder, whose best checkpoint is taken, or a checkpoint in one.
        output: new folder; `export` in the run folder if left out.
        onnx: write BLIP's two networks as ONNX files too (`pip install 'hemblip[onnx]'`).
    """
    trained = Run(run)
    target = Path(output) if output else trained.folder / "export"
    if target.exists():
        raise ConfigError(f"--output {target}: exists already; remove it, or name another folder")
    if onnx:
        check_packages()
    # Adapters cannot be merged into 4-bit weights without rounding what was learnt.
    quantized = trained.model.get("init_args", {}).get("quantize_4bit", False)
    captioner = trained.captioner(**({"quantize_4bit": False} if quantized else {}))
    if not isinstance(captioner, BlipCaptioner | MedGemmaCaptioner):
        raise ConfigError(f"{type(captioner).__name__} cannot be exported; BLIP and MedGEMMA can")
    if onnx and not isinstance(captioner, BlipCaptioner):
        raise ConfigError("--onnx true: only BLIP is written as ONNX; leave it out for MedGEMMA")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write_model(captioner, partial)
    if onnx and isinstance(captioner, BlipCaptioner):
        write_onnx(captioner, partial)
    (partial / EXPORTED).write_text(json.dumps(exported_settings(captioner), indent=2) + "\n")
    (partial / "README.md").write_text(model_card(captioner, trained, target.name, onnx))
    partial.replace(target)
    print("\n".join(f"{path.stat().st_size / 1e6:9.2f} MB  {path}" for path in sorted(target.iterdir())))


def write_model(captioner: BlipCaptioner | MedGemmaCaptioner, folder: Path) -> None:
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
    captioner.model.save_pretrained(folder)
    processor(captioner).save_pretrained(folder)


def processor(captioner: BlipCaptioner | MedGemmaCaptioner) -> BlipProcessor | Gemma3Processor:
    """Give what turns images and text into the model's inputs."""
    size = {"height": captioner.image_size, "width": captioner.image_size}
    if isinstance(captioner, BlipCaptioner):
        images = BlipImageProcessorPil(size=size, image_mean=list(MEAN), image_std=list(DEVIATION))
        return BlipProcessor(images, captioner.tokenizer)
    return Gemma3Processor(
        Gemma3ImageProcessorPil(size=size, do_pan_and_scan=False),
        captioner.tokenizer,
        chat_template=captioner.tokenizer.chat_template,
        image_seq_length=captioner.model.config.mm_tokens_per_image,
    )
