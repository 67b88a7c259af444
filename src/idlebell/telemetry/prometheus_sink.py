"""Facts as metrics, in Prometheus' text format. Every metric has its sentence, and no label names a user, an account, a
host or a mailbox: a label's values come from a small set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from idlebell.telemetry import facts
from idlebell.telemetry.facts import Fact
from idlebell.telemetry.log_sink import event_name

PREFIX = "idlebell"
CONTENT_TYPE = "text/plain; version=0.0.4"
LATENCY_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DELIVERY_BUCKETS_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400)
"""Up to a day, as long as a push service may be tried."""
MAX_LABEL_SETS = 200
"""Of one counter. What comes beyond is counted under ``other``: a bug must not grow the process."""

_LABEL_VALUE = re.compile(r"[a-zA-Z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that is asked for when somebody looks. ``label``: the function returns a number for each of its values."""

    name: str
    sentence: str
    read: Callable[[], float | Mapping[str, int]]
    label: str | None = None


def fact_types() -> Iterator[type[Fact]]:
    for item in vars(facts).values():
        if isinstance(item, type) and issubclass(item, Fact) and item is not Fact:
            yield item


def sentence(fact: type[Fact]) -> str:
    """The first of its docstring."""
    return " ".join((fact.__doc__ or "").split()).partition(". ")[0].rstrip(".") + "."


class PrometheusSink:
    """Counts each fact as ``idlebell_NAME_total``, and measures what has a duration."""

    def __init__(self, gauges: Iterable[Gauge] = ()) -> None:
        # A second series a counter that tells when it was made: twice the size, and nobody reads it.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        self._counters = {
            fact: prometheus_client.Counter(
                f"{PREFIX}_{event_name(fact)}", sentence(fact), fact.labels, registry=self._registry
            )
            for fact in fact_types()
        }
        self._series: dict[type[Fact], dict[tuple[object, ...], prometheus_client.Counter]] = {
            fact: {} for fact in self._counters
        }
        self._messages = self._counter("messages_detected", "New messages found.")
        self._notifications = self._counter(
            "notifications_committed", "Notifications of new mail written to the outbox."
        )
        self._login = self._histogram("login_seconds", "From dialling a mail server to the end of the login.")
        self._commit = self._histogram(
            "detect_seconds", "From the mail server's word of new mail (EXISTS) to the commit of its notifications."
        )
        self._push = self._histogram("push_seconds", "How long a push service took to answer, by kind.", ("kind",))
        self._accepted = self._histogram(
            "accepted_seconds",
            "From the mail server's word of new mail (EXISTS) to the push service's acceptance, by kind and push service.",
            ("kind", "service"),
            DELIVERY_BUCKETS_SECONDS,
        )
        self._gauges = _Gauges()
        self._registry.register(self._gauges)
        for gauge in gauges:
            self.show(gauge)

    def show(self, gauge: Gauge) -> None:
        """Adds a gauge to what is shown. ValueError where its name is taken."""
        self._gauges.add(gauge)

    def __call__(self, fact: Fact) -> None:
        self._count(fact)
        match fact:
            case facts.MailDetected():
                self._messages.inc(fact.messages)
                self._notifications.inc(fact.notifications)
                self._commit.observe(fact.took_ms / 1000)
            case facts.SessionOpened():
                self._login.observe(fact.took_ms / 1000)
            case facts.PushAttempted():
                self._push.labels(_clean(fact.kind)).observe(fact.took_ms / 1000)
                if fact.type == "new_mail" and fact.outcome == "accepted":
                    self._accepted.labels(_clean(fact.kind), _clean(fact.service)).observe(fact.since_ms / 1000)
            case _:
                pass

    def exposition(self) -> bytes:
        """What ``/metrics`` answers, of type :data:`CONTENT_TYPE`."""
        return prometheus_client.generate_latest(self._registry)

    def _count(self, fact: Fact) -> None:
        counter = self._counters.get(type(fact))
        if counter is None:
            return
        if not fact.labels:
            counter.inc()
            return
        values = tuple([getattr(fact, label) for label in fact.labels])
        series = self._series[type(fact)]
        if values not in series:
            if len(series) >= MAX_LABEL_SETS:
                values = ("other",) * len(values)
            series[values] = counter.labels(*(_clean(str(value).replace("-", "_")) for value in values))
        series[values].inc()

    def _counter(self, name: str, text: str) -> prometheus_client.Counter:
        return prometheus_client.Counter(f"{PREFIX}_{name}", text, registry=self._registry)

    def _histogram(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...] = (),
        buckets: tuple[float, ...] = LATENCY_BUCKETS_SECONDS,
    ) -> prometheus_client.Histogram:
        return prometheus_client.Histogram(f"{PREFIX}_{name}", text, labels, buckets=buckets, registry=self._registry)


class _Gauges(Collector):
    def __init__(self) -> None:
        self._known: dict[str, Gauge] = {}

    def add(self, gauge: Gauge) -> None:
        if gauge.name in self._known:
            raise ValueError(f"there is a gauge {gauge.name} already")
        self._known[gauge.name] = gauge

    def collect(self) -> Iterator[Metric]:
        for gauge in self._known.values():
            family = GaugeMetricFamily(
                f"{PREFIX}_{gauge.name}", gauge.sentence, labels=[gauge.label] if gauge.label else None
            )
            value = gauge.read()
            if isinstance(value, Mapping):
                for name, number in sorted(value.items()):
                    family.add_metric([_clean(name)], number)
            else:
                family.add_metric([], value)
            yield family


def _clean(value: str) -> str:
    return value if _LABEL_VALUE.fullmatch(value) else "other"
