"""Several ranks on this machine's CPU, forked from the test's own process."""

import lightning as L


def trainer_on(devices: int, **settings) -> L.Trainer:
    """Make a quiet trainer of so many ranks."""
    return L.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp_fork" if devices > 1 else "auto",
        use_distributed_sampler=False,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        **settings,
    )
