"""Keep botocore from reading those of its data files that make no difference to our calls."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import botocore.session
    from botocore.loaders import Loader

_SERVICES = ["iam", "sts"]
_ENDPOINTS = "endpoints"
_NO_ENDPOINTS = {"version": 3, "partitions": []}


def read_less(session: "botocore.session.Session", region: str) -> None:
    """Spare a session what takes longer than all else that a client in this region is made of.

    That is a list of services, for which four hundred directories would be looked into twice; and endpoints.json, a
    megabyte that says once more what the rules of each service say (``endpoint-rule-set-1``), which go before it.
    """
    loader = session.get_component("data_loader")
    loader.list_available_services = lambda _: _SERVICES
    load = loader.load_data_with_path

    def load_less(name: str) -> tuple[Any, str]:
        if name != _ENDPOINTS or _endpoints_count(session, loader, region):
            found: tuple[Any, str] = load(name)
            return found
        return _NO_ENDPOINTS, os.path.join(loader.BUILTIN_DATA_PATH, name)

    loader.load_data_with_path = load_less


def is_variant(region: str) -> bool:
    """Whether a region is more than that: to botocore ``aws-global-fips`` is a region and a setting."""
    return "fips" in region


def _endpoints_count(session: "botocore.session.Session", loader: "Loader", region: str) -> bool:
    """Whether endpoints.json may say what the rules do not: what signs for a variant, or where a private AWS is."""
    return (
        is_variant(region)
        or session.get_config_variable("use_fips_endpoint")
        or session.get_config_variable("use_dualstack_endpoint")
        or any(
            loader.file_loader.exists(os.path.join(path, _ENDPOINTS))
            for path in loader.search_paths
            if not loader.is_builtin_path(path)
        )
    )
