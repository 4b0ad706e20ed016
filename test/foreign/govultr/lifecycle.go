package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/vultr/govultr/v3"
)

// lifecycleReport is what the mode lifecycle prints.
type lifecycleReport struct {
	// Label is that of the instance after its update, as a read told it.
	Label string `json:"label"`
	// Status, Power and Server are the states of the instance when the waiting ended.
	Status string `json:"status"`
	Power  string `json:"power"`
	Server string `json:"server"`
	// Gone is the error of a read after the deletion.
	Gone string `json:"gone"`
	// Denied is the error of a call that the key may not make.
	Denied string `json:"denied"`
}

// firstPoll, pollInterval and pollLimit bound the waiting for an instance. The provider of Terraform first asks ten seconds
// after the creation, since Vultr answers the reads of a new instance with 404 for a second or two and the provider takes that
// for a failure; then it asks every few seconds, for an hour. firstPoll is its ten seconds in a sandbox of time scale 100.
const (
	firstPoll    = 100 * time.Millisecond
	pollInterval = 100 * time.Millisecond
	pollLimit    = 300
)

// lifecycle leads an instance through its life as the provider of Terraform does: create, read until it runs, update, read,
// delete, read until it is gone. Only the address and the key are those of the server that is tested.
func lifecycle(base, key string, output *os.File) error {
	client, err := newClient(base, key, http.DefaultTransport)
	if err != nil {
		return err
	}
	client.SetUserAgent("Terraform/1.11.4 terraform-provider-vultr")
	client.SetRetryLimit(3)
	ctx := context.Background()
	created, _, err := client.Instance.Create(ctx, &govultr.InstanceCreateReq{
		Region: "ams", Plan: "vc2-1c-1gb", OsID: 2284, Label: "made", Tags: []string{"terraform"},
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	running, err := waitUntilRunning(ctx, client, created.ID)
	if err != nil {
		return err
	}
	report := lifecycleReport{Status: running.Status, Power: running.PowerStatus, Server: running.ServerStatus}
	if _, _, err = client.Instance.Update(ctx, created.ID, &govultr.InstanceUpdateReq{Label: "changed"}); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	read, _, err := client.Instance.Get(ctx, created.ID)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	report.Label = read.Label
	if err = client.Instance.Delete(ctx, created.ID); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if report.Gone, err = waitUntilGone(ctx, client, created.ID); err != nil {
		return err
	}
	_, _, denied := client.SSHKey.Create(ctx, &govultr.SSHKeyReq{Name: "key", SSHKey: "ssh-ed25519 AAAA key"})
	if denied != nil {
		report.Denied = denied.Error()
	}
	return printLine(output, report)
}

func waitUntilRunning(ctx context.Context, client *govultr.Client, id string) (*govultr.Instance, error) {
	time.Sleep(firstPoll)
	for range pollLimit {
		instance, _, err := client.Instance.Get(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read while waiting: %w", err)
		}
		if instance.Status == "active" && instance.PowerStatus == "running" && instance.ServerStatus == "ok" {
			return instance, nil
		}
		time.Sleep(pollInterval)
	}
	return nil, fmt.Errorf("the instance %s did not come to run", id)
}

func waitUntilGone(ctx context.Context, client *govultr.Client, id string) (string, error) {
	for range pollLimit {
		if _, _, err := client.Instance.Get(ctx, id); err != nil {
			return err.Error(), nil
		}
		time.Sleep(pollInterval)
	}
	return "", fmt.Errorf("the instance %s was deleted and is still there", id)
}
