"""``completion``."""

import click

from tasktracker_cli.output import write_text


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    \b
    Example:
      eval "$(tasktracker completion bash)"                                     in ~/.bashrc
      eval "$(tasktracker completion zsh)"                                      in ~/.zshrc
      tasktracker completion fish > ~/.config/fish/completions/tasktracker.fish
    """
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    if completer is None:
        raise click.ClickException(f"{shell} is not known.")
    name = "tasktracker"
    write_text(completer(ctx.find_root().command, {}, name, f"_{name.upper()}_COMPLETE").source())
