"""The lines of a model card that caption a cell or serve the model: plain transformers, PEFT, vLLM."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hemblip.models.blip import BlipCaptioner
from hemblip.models.blip_vqa import BlipVqaCaptioner
from hemblip.models.captioner import Captioner
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.models.vlm import VlmCaptioner
from hemblip.models.vlm_prompt import turns

CELL = """\
cell = np.asarray(Image.open("cell.png").convert("RGB"))  # one cell in its centre
side = max(1, round(min(cell.shape[:2]) * {crop}))
top, left = (cell.shape[0] - side) // 2, (cell.shape[1] - side) // 2
square = np.ascontiguousarray(cell[top : top + side, left : left + side])
kernel = cv2.INTER_AREA if side > {size} else cv2.INTER_CUBIC  # as in training; Pillow's kernels give other pixels
image = Image.fromarray(cv2.resize(square, ({size}, {size}), interpolation=kernel))"""

MERGED = """\
import cv2
import numpy as np
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

processor = AutoProcessor.from_pretrained("{folder}")
model = AutoModelForImageTextToText.from_pretrained("{folder}"{trust}).eval()"""

ADAPTER = """\
import cv2
import numpy as np
from peft import PeftModel
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

processor = AutoProcessor.from_pretrained("{folder}")
base = AutoModelForImageTextToText.from_pretrained("{base}"{revision}{trust})
model = PeftModel.from_pretrained(base, "{folder}").eval()
model.generation_config = GenerationConfig.from_pretrained("{folder}")"""

BLIP_VQA = """\
inputs = processor(images=image, text={question}, return_tensors="pt")
tokens = model.generate(**inputs, generation_config=model.generation_config)
print(processor.decode(tokens[0], skip_special_tokens=True).strip())"""

BLIP = """\
pixels = processor(images=image, return_tensors="pt").pixel_values
tokens = model.generate(pixel_values=pixels, generation_config=model.generation_config)
caption = processor.decode(tokens[0], skip_special_tokens=True).strip()
print(caption)"""

CHAT = """\
chat = {chat}
chat[-1]["content"][0]["image"] = image
inputs = processor.apply_chat_template(
    chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
)"""

PREFIX = """\
inputs = processor(images=image, text="<image>" + {question}, return_tensors="pt")
inputs.pop("labels", None)"""
"""PaliGemma is asked without a chat."""

ANSWER = """\
tokens = model.generate(**inputs, generation_config=model.generation_config)
caption = processor.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()
print(caption)"""

SERVE = """\
```bash
{command}
```

{what}"""


def caption_code(captioner: Captioner, folder: str, data: Mapping[str, Any], adapter: bool) -> str:
    """Give Python lines that caption `cell.png` with the exported folder, without HemBLIP.

    Args:
        captioner: as exported.
        folder: that it is in.
        data: the run's settings of cells.
        adapter: the folder has adapters alone.
    """
    settings = data.get("init_args") or {}
    blip = isinstance(captioner, BlipCaptioner)
    # Cells are read at the run's own size; what a prompted model needs, its processor enlarges.
    size = captioner.image_size if blip else int(settings.get("image_size") or captioner.image_size)
    # A class of our own, whose code lies in the folder.
    own = isinstance(captioner, BlipCaptioner) and {"stem", "timm"} & vars(captioner.model.config.vision_config).keys()
    trust, revision = ", trust_remote_code=True" if own else "", ""
    if captioner.revision:
        revision = f', revision="{captioner.revision}"'
    loading = ADAPTER if adapter else MERGED
    asking = BLIP
    if isinstance(captioner, BlipVqaCaptioner):
        loading = loading.replace("AutoModelForImageTextToText", "AutoModelForVisualQuestionAnswering")
        asking = BLIP_VQA.format(question=json.dumps(captioner.question))
    return "\n".join(
        [
            loading.format(folder=folder, trust=trust, base=told(captioner.pretrained), revision=revision),
            CELL.format(size=size, crop=float(settings.get("crop") or 1.0)),
            *([asking] if blip else [_asking(captioner), ANSWER]),
        ]
    )


def _asking(captioner: Captioner) -> str:
    assert isinstance(captioner, MedGemmaCaptioner | VlmCaptioner)
    if not captioner.tokenizer.chat_template:
        return PREFIX.format(question=json.dumps(captioner.question))
    return CHAT.format(chat=json.dumps(turns(captioner.system_prompt, captioner.question)))


def serving(captioner: Captioner, folder: str, adapter: bool) -> str:
    """Say how vLLM serves the exported folder behind an OpenAI-compatible address."""
    words = ["vllm", "serve", folder]
    if adapter:
        words[2] = str(told(captioner.pretrained))
        words += ["--revision", captioner.revision] if captioner.revision else []
        rank = captioner.settings()["init_args"]["lora_rank"]
        words += [
            "--enable-lora",
            "--max-lora-rank",
            str(max(8, rank)),
            "--lora-modules",
            f"{Path(folder).name}={folder}",
        ]
    what = (
        "Its clients send the image as prepared above and the same "
        + ("system prompt and question" if getattr(captioner, "system_prompt", "") else "question")
        + "."
    )
    return SERVE.format(command=" ".join(words), what=what)


def told(value: Any) -> Any:
    """Leave out folders of the machine that trained: a card is published."""
    if isinstance(value, Mapping):
        return {name: told(part) for name, part in value.items()}
    if isinstance(value, list):
        return [told(part) for part in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
