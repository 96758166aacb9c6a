"""What is so on this machine. A probe may be slow or stuck, and says nothing about what is right."""
