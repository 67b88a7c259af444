"""The verbs. Every face (REST, the 2013 form, the configuration file) calls these and only these.

In: requests in the shapes of :mod:`idlebell.gateway.shapes` and a :class:`~idlebell.gateway.callers.Caller`. Out: views in
the same module, or one exception, :class:`~idlebell.model.problem.ProblemError`. No verb touches a running watcher: they
write what is wanted, put sessions into the inbox and nudge.
"""
