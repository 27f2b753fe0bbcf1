"""Receivers made of their settings; each kind is loaded only where a file asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gateway.model import AlarmEvent, Clock
from gateway.northbound.exports.courier import Courier, Store
from gateway.northbound.exports.port import Receiver
from gateway.northbound.exports.rows import destination
from gateway.northbound.exports.selection import selects
from gateway.northbound.exports.settings import (
    CapExport,
    MqttExport,
    RegulatorExport,
    WebhookExport,
)
from gateway.observe import ExportMetrics

Settings = MqttExport | WebhookExport | CapExport | RegulatorExport


def courier_of(
    settings: Settings,
    *,
    node: str,
    store: Store,
    lost: Callable[[int, str], None],
    clock: Clock,
    metrics: ExportMetrics,
) -> Courier:
    """Return the courier of an export, which neither connects nor reads a file before it is run.

    Raises
    ------
    ModuleNotFoundError
        What its kind needs is not installed.
    """
    name = destination(settings.name)
    wanted: Callable[[AlarmEvent], bool] = partial(selects, settings.select)
    return Courier(
        settings.name,
        receiver_of(settings, node=node, store=store, clock=clock),
        destination=name,
        wanted=wanted,
        store=store,
        keep=settings.keep,
        lost=lost,
        clock=clock,
        metrics=metrics,
    )


def receiver_of(settings: Settings, *, node: str, store: Store, clock: Clock) -> Receiver:
    """Return the receiver of an export."""
    # Each is loaded here and not above: an edge without exports loads none of them.
    if isinstance(settings, MqttExport):
        from gateway.northbound.exports.mqtt import Mqtt

        return Mqtt(settings, node=node)
    if isinstance(settings, WebhookExport):
        from gateway.northbound.exports.webhook import Webhook

        return Webhook(settings, clock=clock)
    if isinstance(settings, CapExport):
        from gateway.northbound.exports.alerting import Cap

        return Cap(settings, destination=destination(settings.name), store=store)
    from gateway.northbound.exports.regulator import Regulator

    return Regulator(settings)
