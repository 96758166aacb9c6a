"""`voxshard doctor`: probes gather facts about this machine, pure checks say what is wrong with them."""
