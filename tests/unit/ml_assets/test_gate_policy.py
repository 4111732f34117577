import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ml_assets.gate_policy import GatePolicy
from ml_assets.metrics import METRICS


def test_the_defaults_ask_for_a_significant_gain_in_macro_f1():
    policy = GatePolicy()

    assert (policy.metric, policy.min_gain, policy.significance) == ("macro_f1", 0.0, True)
    assert (policy.minimum, policy.maximum) == ({}, {})


def test_every_field_is_described():
    assert all(field.description for field in GatePolicy.model_fields.values())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "f1"}, "macro_f1"),
        ({"minimum": {"f1": 0.5}}, "macro_f1"),
        ({"maximum": {"loss": 0.5}}, "log_loss"),
        ({"minimum": {"accuracy": 0.9}, "maximum": {"accuracy": 0.8}}, "at least 0.9 and at most"),
        ({"min_gain": -0.1}, "greater than or equal to 0"),
        ({"max_segment_loss": -0.1}, "greater than or equal to 0"),
        ({"min_gain": float("nan")}, "finite"),
        ({"confidence": 1.0}, "less than 1"),
        ({"confidence": 0.0}, "greater than 0"),
        ({"min_holdout_rows": 1}, "greater than or equal to 2"),
        ({"min_segment_rows": 1}, "greater than or equal to 2"),
        ({"min_holdout_rows": "200"}, "valid integer"),
        ({"gain": 0.1}, "Extra inputs"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        GatePolicy(**fields)


def test_limits_on_both_sides_that_leave_room_are_taken():
    policy = GatePolicy(minimum={"accuracy": 0.8}, maximum={"accuracy": 0.8})

    assert policy.minimum == policy.maximum


def test_a_policy_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        GatePolicy().metric = "accuracy"


@given(
    st.sampled_from(sorted(METRICS)),
    st.floats(0.0, 1.0),
    st.dictionaries(st.sampled_from(sorted(METRICS)), st.floats(-1.0, 1.0)),
)
def test_a_policy_survives_dump_and_load(metric, gain, minimum):
    policy = GatePolicy(metric=metric, min_gain=gain, minimum=minimum)

    assert GatePolicy.model_validate_json(policy.model_dump_json()) == policy
