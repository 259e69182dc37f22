"""The feature store: features in training and at request time, and that they are the same."""

from stanchion.features.arguments import FeatureStoreArgs
from stanchion.features.feature_store import FeatureStore, feature_store_pod_labels

__all__ = ["FeatureStore", "FeatureStoreArgs", "feature_store_pod_labels"]
