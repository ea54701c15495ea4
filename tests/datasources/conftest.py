"""The contract's modules assert like tests."""

import pytest

pytest.register_assert_rewrite(
    "tests.datasources.asking",
    "tests.datasources.contract",
    "tests.datasources.contract_aggregates",
    "tests.datasources.contract_changes",
    "tests.datasources.contract_filters",
    "tests.datasources.contract_keys",
    "tests.datasources.contract_wire",
    "tests.datasources.contract_writes",
)
