// Command govultr checks a server of the Vultr API with Vultr's own Go client. It calls every method of every service of
// the client, which it finds by reflection, so that a newer client brings its new methods along.
//
//	govultr transparent [-key KEY] Does each call once directly and once through a gateway, with a key of its own if
//	                               there is one, both against a recorder in this program, and compares what arrived. It prints the recorder's address as a
//	                               line of JSON and reads the gateway's address as a line from its input.
//	govultr decode -base URL       Does the calls of scenario.txt against a server that keeps state, and reports
//	                               the answers that the client's types cannot hold.
//	govultr lifecycle -base URL -key KEY
//	                               Leads an instance through its life as the provider of Terraform does.
//
// All modes print a report as one line of JSON. The exit code says only whether the program could do its work.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "govultr:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	mode := ""
	if len(args) > 0 {
		mode = args[0]
	}
	switch mode {
	case "transparent":
		flags := flag.NewFlagSet("transparent", flag.ContinueOnError)
		gatewayKey := flags.String("key", key, "the key for the gateway")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return transparent(*gatewayKey, os.Stdin, os.Stdout)
	case "decode":
		flags := flag.NewFlagSet("decode", flag.ContinueOnError)
		base := flags.String("base", "", "the base URL of the server, without /v2")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return decode(*base, os.Stdout)
	case "lifecycle":
		flags := flag.NewFlagSet("lifecycle", flag.ContinueOnError)
		base := flags.String("base", "", "the base URL of the server, without /v2")
		lifecycleKey := flags.String("key", key, "the key")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return lifecycle(*base, *lifecycleKey, os.Stdout)
	default:
		return fmt.Errorf("the mode must be transparent, decode or lifecycle, not %q", mode)
	}
}

// printLine writes a value as one line of JSON. json.Encoder ends it with a newline.
func printLine(to *os.File, value any) error {
	return json.NewEncoder(to).Encode(value)
}
