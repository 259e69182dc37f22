"""What a training script of the platform uses: data held to its promise, one run, a way back.

```python
with training_run(expectations=Path(__file__).with_name("data.yaml")) as run:
    frame = run.data
```
"""

from stanchion_training.checkpoints import Checkpoint
from stanchion_training.errors import (
    AlreadyTrainedError,
    DataRefusedError,
    StoreFailedError,
    TrainingError,
    WrongSettingsError,
)
from stanchion_training.expectations import Column, Expectations
from stanchion_training.process import training_run
from stanchion_training.run import TrainingRun
from stanchion_training.settings import TrainingSettings

__all__ = [
    "AlreadyTrainedError",
    "Checkpoint",
    "Column",
    "DataRefusedError",
    "Expectations",
    "StoreFailedError",
    "TrainingError",
    "TrainingRun",
    "TrainingSettings",
    "WrongSettingsError",
    "training_run",
]
