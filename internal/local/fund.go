package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"aleph/account"
	"aleph/client"
	"aleph/message"
)

// Funds is what an account gets to pay with on a local network.
type Funds struct {
	// Tokens is how many ALEPH the account holds from now on; nil leaves that.
	Tokens *int64
	// Credits are added to those that the account has; they never expire.
	Credits int64
}

// What the account of the user has from the start. The authority has as much,
// for the images of runtimes.
const (
	firstTokens  = 1_000_000
	firstCredits = 1_000_000_000
)

// Fund gives accounts of a running local cloud something to pay with, in the
// name of its authority, whose key lies in the data folder.
func Fund(ctx context.Context, at Endpoints, funds Funds, to ...message.Address) error {
	path := filepath.Join(at.DataDir, authorityKeyFile)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w: only who runs a local cloud can give funds, and its key is not here: %w", message.ErrForbidden, err)
	}
	authority, err := loadKey(path)
	if err != nil {
		return err
	}
	c, err := client.New(client.Config{API: at.API})
	if err != nil {
		return err
	}
	defer c.Close()
	return fund(ctx, c, authority, funds, to)
}

// fund publishes a report of balances and a distribution of credits.
// // spec messages 7.7, 7.8
func fund(ctx context.Context, c *client.Client, authority account.Account, funds Funds, to []message.Address) error {
	now := time.Now()
	post := func(kind string, content any) error {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		_, err = c.Publish(ctx, authority, message.TypePost, client.PostContent{
			Address: authority.Address(), Time: message.TimestampOf(now), Type: kind, Content: text,
		}, client.PublishOptions{Channel: message.PublicNetwork().Authorities.CreditChannel, Sync: true})
		if err != nil {
			return fmt.Errorf("give funds: %w", err)
		}
		return nil
	}
	var group errgroup.Group
	if funds.Tokens != nil {
		balances := make(map[message.Address]int64, len(to))
		for _, address := range to {
			balances[address] = *funds.Tokens
		}
		// There are no blocks here. The time grows as they do, so that the latest
		// report counts.
		group.Go(func() error {
			return post(message.BalancesUpdateType, document{
				"chain": message.ChainEthereum, "main_height": now.UnixMicro(), "balances": balances, "tags": []string{"ERC20", "ethereum"},
				"platform": "ALEPH_ETH_ETHEREUM", "token_symbol": "ALEPH", "network_id": 1,
			})
		})
	}
	if funds.Credits > 0 {
		grants := make([]document, len(to))
		for i, address := range to {
			grants[i] = document{
				"address": address, "amount": funds.Credits, "price": "0", "tx_hash": "local", "provider": "LOCAL", "payment_method": "gift",
			}
		}
		group.Go(func() error {
			return post(message.CreditDistributionType, document{
				"distribution": document{"token": "ALEPH", "chain": message.ChainEthereum, "credits": grants},
			})
		})
	}
	return group.Wait()
}

// fundFirst gives the accounts of the cloud their first funds, before anybody
// can publish what must be paid for. Those that had some once are left alone.
func (c *Cloud) fundFirst(ctx context.Context) error {
	state := c.node.Inside().Store
	var noTokens, noCredits []message.Address
	for _, address := range []message.Address{c.user.Address(), c.authority.Address()} {
		held, err := state.Balances(ctx, address)
		if err != nil {
			return err
		}
		if len(held) == 0 {
			noTokens = append(noTokens, address)
		}
		switch _, err := state.LastCredit(ctx, address); {
		case errors.Is(err, message.ErrNotFound):
			noCredits = append(noCredits, address)
		case err != nil:
			return err
		}
	}
	tokens := int64(firstTokens)
	var group errgroup.Group
	if len(noTokens) > 0 {
		group.Go(func() error { return fund(ctx, c.client, c.authority, Funds{Tokens: &tokens}, noTokens) })
	}
	if len(noCredits) > 0 {
		group.Go(func() error { return fund(ctx, c.client, c.authority, Funds{Credits: firstCredits}, noCredits) })
	}
	return group.Wait()
}
