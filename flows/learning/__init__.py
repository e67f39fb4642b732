"""What people see of a training run: its pace while it lasts, its page and its model card afterwards."""
