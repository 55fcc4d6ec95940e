"""Where runs are made: on this machine, on a cluster by Ray, or on one by SLURM; all behind one protocol, ``work.Executor``.

    PlannedRun ──► executor ──► work.make_run, somewhere ──► the run's folder, which all machines see
                   placement,   trains, or goes on where
                   retries      the folder stands

Nothing but the folder comes back: a run that a machine lost goes on elsewhere from its last checkpoint, bit for bit.
"""
