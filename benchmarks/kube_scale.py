"""Collegium on simulated nodes (kwok): ``python -m benchmarks.kube_scale reflect|servers|jobs [--count N] [--quick]``.

``reflect``  5,000 pods in 300 namespaces, in the memory of a process: time until all are there and what they take,
             beside one plain GET of the same list and beside KubeSpawner's reflector. About 9 minutes.
``servers``  N servers of one hub (default 1,000; 2,000 for the record) with GroupKubeSpawner, then of one with
             KubeSpawner: how late the hub's event loop is while they start and while they run, and memory per server.
``jobs``     N jobs (default 1,000; 10,000 for the record) by the REST API: processor and memory of the controller, and
             processor of the API server, beside as many bare Jobs made, watched and removed by a plain loop.

Nodes and pods are simulated: pods are scheduled, get an address and a status, and Jobs' pods end at once. Nothing runs
in them. See each part's module for how that is kept honest. ``--quick`` is for a look whether it works: some minutes.
"""

from __future__ import annotations

import argparse

from benchmarks.kube import kube
from benchmarks.kube_jobs import jobs
from benchmarks.kube_reflect import reflect
from benchmarks.kube_servers import servers
from benchmarks.running import folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("reflect", "servers", "jobs"))
    parser.add_argument("--count", type=int, help="pods, servers or jobs")
    parser.add_argument("--quick", action="store_true", help="a few hundred pods, 60 servers, or 60 jobs")
    given = parser.parse_args()
    with folder() as place, kube() as found:
        if given.part == "reflect":
            count = given.count or (300 if given.quick else 5000)
            reflect(found, count, 20 if given.quick else 300, 1 if given.quick else 3, 15.0 if given.quick else 40.0)
        elif given.part == "servers":
            servers(found, place, given.count or (60 if given.quick else 1000), 15.0 if given.quick else 60.0)
        else:
            jobs(found, place, given.count or (60 if given.quick else 1000))


if __name__ == "__main__":
    main()
