"""What is known of a shop's customers, by day: the features of the example."""

import os
from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource
from feast.types import Float64, Int64, String
from feast.value_type import ValueType

customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)

customer_orders = FeatureView(
    name="customer_orders",
    entities=[customer],
    # Values that are older are served to nobody, and deleted.
    ttl=timedelta(days=7),
    schema=[
        Field(name="customer_id", dtype=Int64),
        Field(name="orders", dtype=Int64),
        Field(name="mean_basket", dtype=Float64),
        Field(name="segment", dtype=String),
    ],
    source=FileSource(
        # Another bucket or volume in each environment.
        path=os.environ["FEATURE_SOURCES"] + "/customer_orders",
        timestamp_field="computed_at",
    ),
)

recommendation = FeatureService(name="recommendation", features=[customer_orders])
