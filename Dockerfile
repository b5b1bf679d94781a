# HemBLIP on an NVIDIA GPU (driver 580 or newer, for CUDA 13):
#
#   docker build -t hemblip .
#   mkdir -p runs data
#   docker run --gpus all --shm-size 8g --user "$(id -u):$(id -g)" -e HF_TOKEN -e WANDB_API_KEY -e HEMBLIP_DATA=/downloads \
#       -v /path/to/downloads:/downloads:ro -v "$PWD/runs:/app/runs" -v "$PWD/data:/app/data" \
#       -v "$HOME/.cache/huggingface:/cache" hemblip fit --config configs/blip_lora.yaml
#
# Results come into runs/, prepared data into data/, both owned by who runs it; weights are downloaded once, into the cache.
FROM nvidia/cuda:13.0.1-runtime-ubuntu24.04

ENV PYTHONUNBUFFERED=1 \
    HOME=/home/hemblip \
    HF_HOME=/cache \
    PATH=/opt/venv/bin:$PATH

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/venv \
    && useradd --create-home --uid 1001 hemblip

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY hemblip hemblip
RUN pip install --no-cache-dir --constraint constraints.txt ".[bertscore-offline,sweep,quantize]"
COPY configs configs

# Any user that `--user` names can write here.
RUN mkdir --parents /cache runs data \
    && chmod 1777 /cache /app runs data /home/hemblip
USER 1001
ENTRYPOINT ["python", "-m", "hemblip"]
CMD ["--help"]
