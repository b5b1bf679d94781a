#!/usr/bin/env bash
# The paper's Tables 1 to 3 and Fig. 2 from the published downloads, on one machine with a GPU of 40 GB.
# Started again after an interruption, it goes on where it was. README.md has the expected times.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${HEMBLIP_DATA:?folder with the downloads, see experiments/paper/README.md}"
hemblip() { python -m hemblip "$@"; }

[ -f data/manifest.parquet ] || hemblip prepare --config configs/prepare/published.yaml

for model in blip_full blip_lora medgemma_lora; do
    [ -f "runs/$model/version_0/finished" ] || hemblip fit --config "configs/$model.yaml" --resume true
    touch "runs/$model/version_0/finished"
done

for model in blip_full blip_lora medgemma_base medgemma_lora; do
    run=runs/$model/version_0
    config=(--config "configs/$model.yaml")
    best=(--ckpt_path "$run/checkpoints/best.ckpt")
    [ "$model" != medgemma_base ] || best=() # as published: its rows of all cells come into one run
    [ -f "$run/predictions/val.parquet" ] || hemblip validate "${config[@]}" "${best[@]}"
    [ -f "$run/predictions/test.parquet" ] || hemblip test "${config[@]}" "${best[@]}"
    [ -f "$run/predictions/external.parquet" ] ||
        hemblip test "${config[@]}" --data configs/parts/external.yaml "${best[@]}"
done

[ -f runs/probe_paper/version_0/table3.csv ] || hemblip probe --config configs/probe/paper.yaml

hemblip compare runs/blip_full runs/blip_lora runs/medgemma_base runs/medgemma_lora runs/probe_paper \
    --output runs/paper --bertscore dmis-lab/biobert-base-cased-v1.1 --bertscore_layer 12
