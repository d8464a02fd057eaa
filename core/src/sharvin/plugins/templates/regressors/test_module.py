"""part_name learns, and predicts the same after it was saved."""

from sharvin.testing import RegressorTests


class TestPartName(RegressorTests):
    """Conformance of ``regressors/part_name``."""

    name = "part_name"
