"""Fixtures for all tests."""

import os

from hypothesis import HealthCheck, settings

# `HYPOTHESIS_PROFILE=long pytest tests/shared_files/test_editing_properties.py` tries many more documents.
settings.register_profile(
    "default",
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("default"), max_examples=50_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
