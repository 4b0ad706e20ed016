// Reads metrics in Prometheus' text format from standard input with Prometheus' own parser, and writes them as JSON: for each
// metric its type and, by its labels, its values. It fails on what Prometheus would not take.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

type series struct {
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
}

type metric struct {
	Type   string   `json:"type"`
	Help   string   `json:"help"`
	Series []series `json:"series"`
}

func main() {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	metrics := map[string]metric{}
	for name, family := range families {
		read := metric{Type: family.GetType().String(), Help: family.GetHelp(), Series: []series{}}
		for _, each := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range each.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			read.Series = append(read.Series, series{labels, valueOf(each)})
		}
		metrics[name] = read
	}
	if err := json.NewEncoder(os.Stdout).Encode(metrics); err != nil {
		panic(err)
	}
}

// valueOf is what a series has come to; of a histogram, how many values it was given.
func valueOf(each *dto.Metric) float64 {
	switch {
	case each.Counter != nil:
		return each.GetCounter().GetValue()
	case each.Gauge != nil:
		return each.GetGauge().GetValue()
	default:
		return float64(each.GetHistogram().GetSampleCount())
	}
}
