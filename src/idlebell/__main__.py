"""``python -m idlebell``"""

from idlebell.cli import main

if __name__ == "__main__":
    main(prog_name="idlebell")
