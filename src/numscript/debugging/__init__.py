"""Stepping through a run: its clauses, the trace of a run, a cursor on it, and editors' protocol.

    trace = numscript.debugging.trace.trace(program, variables, store)
    trace.steps[3].clause.title      # 'max [EUR/2 10] from @users:ana'
    trace.state(3).funds             # what was taken by then and not yet given

A run is pure and short, so it is recorded whole, and then looked at: a step back costs what a step
forward does. Nothing of this is known to the machine.
"""
