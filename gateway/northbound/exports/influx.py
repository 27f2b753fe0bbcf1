"""Every reading to an InfluxDB 2 API, from the spool, in a process of low priority.

The spool is the queue: this process reads what has been committed, writes it as line protocol and
notes how far it came. While the server is away nothing is lost and nothing waits in memory; it goes
on where it was, for as long as the spool holds it. A batch may be written twice after a crash,
which changes nothing: a series has one value an instant.

One line a reading: ``reading,node=N,tag=T value=12.5,quality=0i TIME``. A reading without a usable
value has no `value` and tells only its quality.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from gateway.backoff import Backoff
from gateway.db import Database, StoreError
from gateway.identity import write_secret
from gateway.northbound.settings import InfluxSettings
from gateway.northbound.spool import Configuration, Kind, decode_readings, read_position, records
from gateway.observe import log, start_log

LINES: Final = 5000
IDLE_S: Final = 1.0
RETRY_LAST_S: Final = 60.0
RANDOM: Final = secrets.SystemRandom()
#: What the server will never take, however often it is sent.
REFUSED: Final = frozenset({400, 413, 422})
ESCAPED: Final = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
LOG = log("northbound.exports.influx")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the edge tells this process: where its store is, and what the site file says."""

    node: str
    store: str
    spool: str
    position: str
    settings: dict[str, str | None]


def committed(store: Path) -> int:
    """Return up to where the spool is durable; 0 while the store cannot be read."""
    try:
        database = Database(store, "edge", read_only=True)
    except StoreError:
        return 0
    try:
        rows = database.execute("SELECT value FROM position WHERE name = 'spool'")
        return int(rows[0][0]) if rows else 0
    except StoreError:
        return 0
    finally:
        database.close()


def lines(spool: Path, node: str, start: int, end: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (position after, lines) of each record of readings after `start`, up to `end`."""
    heads: list[str] = []
    escaped = node.translate(ESCAPED)
    for record in records(spool, start):
        if record.kind == Kind.CONFIGURATION:
            tags = msgspec.json.decode(record.body, type=Configuration).tags
            heads = [f"reading,node={escaped},tag={tag.translate(ESCAPED)} " for tag in tags]
        if record.position <= start:
            continue
        if record.position > end:
            return
        if record.kind != Kind.READINGS:
            yield record.position, []
            continue
        batch = decode_readings(record.body)
        yield (
            record.position,
            [
                f"{heads[point]}value={value!r},quality={quality}i {at}"
                if value - value == 0.0  # neither NaN nor infinite
                else f"{heads[point]}quality={quality}i {at}"
                for point, at, value, quality in zip(
                    batch.point.tolist(),
                    batch.time_ns.tolist(),
                    batch.value.tolist(),
                    batch.quality.tolist(),
                    strict=True,
                )
            ],
        )


class Export:
    """Writes what is new, and says in a file how far it came.

    Parameters
    ----------
    task
        Where to read, and what the site file says of the server.
    """

    def __init__(self, task: Task) -> None:
        settings = InfluxSettings.model_validate(task.settings)
        token = ""
        if settings.token_file:
            token = Path(settings.token_file).read_text(encoding="utf-8").strip()
        self._task = task
        self._settings = settings
        self._path = Path(task.position)
        self.position = read_position(self._path)
        self._client = InfluxDBClient(
            url=settings.url, token=token, org=settings.org, timeout=10_000
        )
        # influxdb-client publishes no type for its close.
        self._close: Callable[[], None] = self._client.close
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    def step(self) -> int:
        """Write what is new, in batches; return how many lines.

        Raises
        ------
        ApiException, HTTPError
            The server is away or refuses for now; nothing more was noted as written.
        """
        end = committed(Path(self._task.store))
        total = 0
        waiting: list[str] = []
        position = self.position
        for position, found in lines(Path(self._task.spool), self._task.node, self.position, end):
            waiting += found
            if len(waiting) >= LINES:
                total += self._write(waiting, position)
                waiting = []
        if position > self.position:
            total += self._write(waiting, position)
        return total

    def close(self) -> None:
        """Close the connection."""
        self._close()

    def _write(self, waiting: list[str], position: int) -> int:
        if waiting:
            try:
                self._writer.write(bucket=self._settings.bucket, record="\n".join(waiting).encode())
            except ApiException as error:
                if error.status not in REFUSED:
                    raise
                self._refused(len(waiting), error)
        write_secret(self._path, str(position).encode())
        self.position = position
        return len(waiting)

    @staticmethod
    def _refused(count: int, error: ApiException) -> None:
        LOG.error(
            "the server refuses readings for good; they are passed over",
            count=count,
            status=error.status,
            reason=str(error.reason),
        )


def run(task: Task) -> None:
    """Export for ever; a server that is away is told once and tried again."""
    export = Export(task)
    backoff, reason = Backoff(IDLE_S, RETRY_LAST_S, random=RANDOM), ""
    while True:
        wait = IDLE_S
        try:
            export.step()
        except (ApiException, HTTPError, OSError) as error:
            if type(error).__name__ != reason:
                reason = type(error).__name__
                LOG.warning("readings wait in the spool for the server", reason=str(error)[:200])
            wait = backoff.next()
        else:
            if reason:
                LOG.info("the server takes readings again")
            backoff.reset()
            reason = ""
        time.sleep(wait)


def main(arguments: Sequence[str]) -> None:
    """Run with a `Task` as JSON."""
    start_log(json=False)
    run(msgspec.json.decode(arguments[0], type=Task))


if __name__ == "__main__":
    main(sys.argv[1:])
