"""An engine in a process of its own, for engines that need the interpreter as much as the sessions do."""
