"""What runs and watches Voxshard in production: configuration of other programs, and what makes it."""
