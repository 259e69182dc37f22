"""`stanchion-feature-store check`: is what is served what training would read?

Entities are sampled from the files. For each, the value that is served is compared with the one
that a point-in-time join gives for the moment up to which the view is materialised: another path
through Feast than the one that wrote it.

Rows that came since and are no later than the overlap are no fault: the next materialisation would
have brought them. So where values differ the overlap is materialised again, and what differs even
then is inconsistent.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pyarrow as pa
import pyarrow.compute as arrow
import pyarrow.dataset as datasets
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from fsspec.core import url_to_fs
from sqlalchemy.exc import SQLAlchemyError

from stanchion_feature_store import feast_store, materialize, state
from stanchion_feature_store.compare import same
from stanchion_feature_store.database import alone, connect, one_line
from stanchion_feature_store.errors import InconsistentError, StoreError
from stanchion_feature_store.settings import fraction, number
from stanchion_feature_store.state import Checked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

log = logging.getLogger("stanchion_feature_store")
_NAMED: Final = 20
"""Entities of a feature that the log names at most."""


@dataclass(frozen=True)
class Plan:
    """Everything one run needs.

    Attributes:
        materialization: Where the store is, the role that writes, and how late a row may come.
        sample: Entities of each view at most.
        tolerance: By how much two numbers may differ, as a share of the larger one.
    """

    materialization: materialize.Plan
    sample: int
    tolerance: float

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment and the secret file.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        return cls(
            materialize.Plan.read(environment),
            number(environment, "SAMPLE", 500),
            fraction(environment, "TOLERANCE", 1e-6),
        )


def check(plan: Plan) -> None:
    """Compare every view that was materialised, and keep what is found for the alerts.

    The log names features and entities that differ, and no values.

    Raises:
        InconsistentError: Something differs; it says what.
        StoreError: The database or the files could not be read.
    """
    differing, failed = [], []
    try:
        connection = connect(plan.materialization.settings.database, plan.materialization.writer)
        # No materialisation in between: the two sides would be of different moments.
        with connection, alone(connection):
            store = feast_store.opened(plan.materialization.settings, plan.materialization.writer)
            known = state.progress(connection)
            for view in feast_store.views(store):
                until = known.get(view.name)
                if until is None:
                    log.warning("%s is not materialised yet, and not checked", view.name)
                    continue
                try:
                    found = _view(plan, store, connection, view, until)
                except Exception as error:  # noqa: BLE001 - Feast and its sources raise anything
                    failed.append(f"{view.name}: {type(error).__name__}: {one_line(error)}")
                    continue
                state.record(connection, view.name, found)
                differing += [each for each in found if each.inconsistent]
    except (psycopg.Error, SQLAlchemyError) as error:
        raise StoreError(one_line(error)) from error
    if differing:
        raise InconsistentError(
            "\n".join(
                f"{each.feature_view}:{each.feature}: {each.inconsistent} of {each.compared}"
                " values are not served as training reads them"
                for each in differing
            )
        )
    if failed:
        raise StoreError("\n".join(failed))


def _view(plan: Plan, store: Any, connection: Any, view: Any, until: datetime) -> list[Checked]:
    features = [field.name for field in view.features]
    entities = _sampled(view, until, plan.sample)
    log.info("checking", extra={"fields": {"feature_view": view.name, "entities": len(entities)}})
    if entities.empty:
        return [Checked(view.name, feature, 0, 0) for feature in features]
    compared, differing = _compared(plan, store, view, entities, until)
    if first := _values(differing):
        materialize.bring_up(
            plan.materialization, store, connection, view, before=until, until=until
        )
        compared, differing = _compared(plan, store, view, entities, until)
        told = {"feature_view": view.name, "differed": first, "differ": _values(differing)}
        log.warning("values differed; materialised the overlap again", extra={"fields": told})
    for feature in features:
        for row in differing[feature][:_NAMED]:
            entity = json.loads(json.dumps(row, default=str))
            fields = {"feature_view": view.name, "feature": feature, "entity": entity}
            log.error("inconsistent", extra={"fields": fields})
    return [
        Checked(view.name, feature, compared[feature], len(differing[feature]))
        for feature in features
    ]


def _values(differing: Mapping[str, list[Any]]) -> int:
    return sum(map(len, differing.values()))


def _compared(
    plan: Plan, store: Any, view: Any, entities: pd.DataFrame, until: datetime
) -> tuple[dict[str, int], dict[str, list[dict[str, Any]]]]:
    """By feature, how many values were compared, and the entities whose values differ."""
    features = [field.name for field in view.features]
    named = [f"{view.name}:{feature}" for feature in features]
    asked = entities.assign(event_timestamp=until)
    keys = [*entities.columns]
    offline = store.get_historical_features(entity_df=asked, features=named).to_df()
    # The join gives its rows in an order of its own.
    expected = {tuple(row[key] for key in keys): row for row in offline.to_dict("records")}
    rows = entities.to_dict("records")
    answer = store.get_online_features(features=named, entity_rows=rows)
    online, statuses = answer.to_dict(), _statuses(answer)
    compared = dict.fromkeys(features, 0)
    differing: dict[str, list[dict[str, Any]]] = {feature: [] for feature in features}
    for feature in features:
        for at, row in enumerate(rows):
            # It was served until a while ago, and no caller gets it any more.
            if statuses[feature][at] == FieldStatus.OUTSIDE_MAX_AGE:
                continue
            compared[feature] += 1
            wanted = expected[tuple(row[key] for key in keys)][feature]
            if not same(online[feature][at], wanted, plan.tolerance):
                differing[feature].append(row)
    return compared, differing


def _sampled(view: Any, until: datetime, most: int) -> pd.DataFrame:
    """Entities with a row that would be served, another sample for another moment."""
    source = view.batch_source
    columns = {name: named for named, name in (source.field_mapping or {}).items()}
    keys = [column.name for column in view.entity_columns]
    filesystem, path = url_to_fs(source.path)
    time = arrow.field(source.timestamp_field)
    data = datasets.dataset(path, filesystem=filesystem, format="parquet")
    kind = data.schema.field(source.timestamp_field).type
    within = (time > _as(until - view.ttl, kind)) & (time <= _as(until, kind))
    table = data.to_table(columns=[columns.get(key, key) for key in keys], filter=within)
    found = table.to_pandas().set_axis(keys, axis=1).drop_duplicates()
    seed = int(until.timestamp()) % 2**32
    return found.sample(n=min(most, len(found)), random_state=seed).reset_index(drop=True)


def _as(moment: datetime, kind: Any) -> Any:
    """A moment as a column has it: files without time zones are in UTC."""
    plain = moment.replace(tzinfo=None) if kind.tz is None else moment
    return pa.scalar(plain, type=pa.timestamp("us", tz=kind.tz)).cast(kind, safe=False)


def _statuses(answer: Any) -> dict[str, list[int]]:
    names = list(answer.proto.metadata.feature_names.val)
    return {
        name: list(vector.statuses)
        for name, vector in zip(names, answer.proto.results, strict=True)
    }
