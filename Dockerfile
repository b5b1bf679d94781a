# HemBLIP on an NVIDIA GPU: docker build -t hemblip . && docker run --gpus all -v "$PWD/runs:/home/hemblip/app/runs" hemblip fit --config configs/blip_lora.yaml
FROM nvidia/cuda:12.8.1-runtime-ubuntu24.04

ENV PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/venv \
    && useradd --create-home --uid 1001 hemblip

WORKDIR /home/hemblip/app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY hemblip hemblip
RUN pip install --no-cache-dir --constraint constraints.txt .
COPY --chown=1001 configs configs

RUN chown 1001 /home/hemblip/app
USER 1001
ENTRYPOINT ["python", "-m", "hemblip"]
CMD ["--help"]
