"""The running process: command line, wiring, chat platforms, delivery, scheduler, pages."""
