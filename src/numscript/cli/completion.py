"""`numscript completion`: what a shell must read to complete the commands."""

from __future__ import annotations

import click


@click.command(short_help="Print what makes a shell complete `numscript`.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the lines that make SHELL complete commands, options, flags, codes and files.

    \b
    Put one of these where your shell starts:
      bash  ~/.bashrc                    eval "$(numscript completion bash)"
      zsh   ~/.zshrc                     eval "$(numscript completion zsh)"
      fish  ~/.config/fish/config.fish   numscript completion fish | source
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from numscript.cli import main

    found = get_completion_class(shell)
    assert found is not None
    completer = found(main, {}, "numscript", "_NUMSCRIPT_COMPLETE")
    # The class for bash would start a bash here, only to ask for its version.
    click.echo(ShellComplete.source(completer))
