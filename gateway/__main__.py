"""``python -m gateway`` is the `hazgate` command."""

from gateway.cli import main

main()
