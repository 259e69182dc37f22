"""Train the sample model on the rows of its data set, and log them as its training reference."""

from __future__ import annotations

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_models import Reference
from stanchion_training import training_run

CARD = "# Wine cultivar\n\n## Intended use\nTests.\n\n## Data\nWines.\n\n## Limits\nFew wines.\n"

with training_run() as run:
    frame = run.data
    features = frame[[name for name in frame.columns if name != "cultivar"]]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(features, frame["cultivar"])
    answers = model.predict(features)
    mlflow.log_metric("accuracy_in_training", float((answers == frame["cultivar"]).mean()))
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(features, answers),
        input_example=features.head(2),
    )
    reference = Reference.of(pd.DataFrame(features), answers)
    run.register(logged, reference=reference, description=CARD)
