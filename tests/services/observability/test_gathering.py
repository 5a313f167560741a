"""The metrics of several processes become one text that Prometheus reads."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.observability.gathering import merged

RUNS = "# HELP runs_total Runs\n# TYPE runs_total counter\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ""),
        ([RUNS + "runs_total 2\n"], RUNS + 'runs_total{worker="0"} 2\n'),
        (
            [RUNS + 'runs_total{mode="A"} 2\n', RUNS + 'runs_total{mode="A"} 3\n'],
            RUNS + 'runs_total{worker="0",mode="A"} 2\nruns_total{worker="1",mode="A"} 3\n',
        ),
        (
            ["# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n", "", "# TYPE a gauge\na 2\n"],
            '# TYPE a gauge\na{worker="0"} 1\na{worker="2"} 2\n# TYPE b gauge\nb{worker="0"} 1\n',
        ),
        (
            ['# TYPE odd gauge\nodd{said="} 7 {\\""} 1e-05\n'],
            '# TYPE odd gauge\nodd{worker="0",said="} 7 {\\""} 1e-05\n',
        ),
    ],
    ids=["none", "one", "two", "families stay together", "labels with braces"],
)
def test_merged(texts: list[str], expected: str) -> None:
    found = merged(enumerate(texts))
    assert found == expected
    samples = [sample for family in text_string_to_metric_families(found) for sample in family.samples]
    assert all("worker" in sample.labels for sample in samples)
