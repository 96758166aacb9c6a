"""What the processes of all hosts know of each other, in Redis: the directory, and how Redis is asked."""
