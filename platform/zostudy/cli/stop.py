"""``zostudy stop``: end a submitted study, keeping what has finished."""

from __future__ import annotations

from zostudy.cli.following import AddressOption, JobArgument, open_head
from zostudy.printing import print_lines


def stop_command(job: JobArgument, address: AddressOption) -> None:
    """Stop a submitted study; what has finished is kept."""
    from zostudy.cluster.jobs import find_job, stop

    head = open_head(address)
    found = find_job(head, job)
    if found.has_ended:
        print_lines(f"{found.id} had already ended: {found.status}")
        return
    found = stop(head, found.id)
    if found.has_ended:
        print_lines(f"{found.status}: {found.id}; what has finished is kept, submit the study again to go on")
    else:
        print_lines(f"stopping: {found.id}; zostudy jobs says when it has ended")
