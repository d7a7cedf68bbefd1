package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// reorder puts a command's flags before its arguments and mtrq's own
// flags before the command, since urfave/cli v2 stops reading flags at
// the first argument. `mtrq show last --format json --spool X` becomes
// `mtrq --spool X show --format json last`. After "--" all is argument.
func reorder(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	out := []string{args[0]}
	var flags, rest []string
	var cmd *cli.Command
	help := false
	for i := 1; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			if cmd == nil {
				if cmd = app.Command(arg); cmd == nil {
					return args // cli says what is wrong with it
				}
				continue
			}
			rest = append(rest, arg)
			continue
		}
		words := []string{arg}
		name, _, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		help = help || name == "help" || name == "h"
		own, ofApp := find(cmd, name), findIn(app.Flags, name)
		f := own
		if f == nil {
			f = ofApp
		}
		if takesValue(f) && !joined {
			if i+1 == len(args) {
				return lastWord(args[0], cmd, own != nil, arg)
			}
			i++
			words = append(words, args[i])
		}
		if own == nil && ofApp != nil {
			out = append(out, words...)
		} else {
			flags = append(flags, words...)
		}
	}
	if cmd != nil {
		out = append(out, cmd.Name)
		if help {
			rest = nil // cli would look for help on the argument
		}
	}
	return append(append(out, flags...), rest...)
}

// lastWord is a command line that ends where a flag lacks its value, for
// cli to say so: nothing may follow that it could take for the value.
func lastWord(program string, cmd *cli.Command, own bool, flag string) []string {
	if own {
		return []string{program, cmd.Name, flag}
	}
	return []string{program, flag}
}

func find(cmd *cli.Command, name string) cli.Flag {
	if cmd == nil {
		return nil
	}
	return findIn(cmd.Flags, name)
}

func findIn(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				return f
			}
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}
