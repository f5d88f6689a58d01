package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"aleph/account"
	"aleph/client"
	"aleph/message"
)

func ExampleClient_Publish() {
	publish := func(ctx context.Context) error {
		c, err := client.New(client.Config{API: "http://127.0.0.1:4024"})
		if err != nil {
			return err
		}
		defer c.Close()
		key, err := account.NewKey(message.ChainEthereum)
		if err != nil {
			return err
		}
		published, err := c.Publish(ctx, key, message.TypePost, client.PostContent{
			Address: key.Address(), Time: message.TimestampOf(time.Now()),
			Type: "blog", Content: json.RawMessage(`{"title":"Hello"}`),
		}, client.PublishOptions{Sync: true})
		if rejection, ok := errors.AsType[*message.Rejection](err); ok {
			return fmt.Errorf("the network says %s: %s", rejection.Code, rejection.Details())
		}
		if err != nil {
			return err
		}
		fmt.Println(published.Message.ItemHash, published.Status)
		return nil
	}
	_ = publish // needs a node: `aleph local`
}

func ExampleClient_Upload() {
	upload := func(ctx context.Context, c *client.Client, key *account.Key) error {
		file, err := os.Open("photo.jpg")
		if err != nil {
			return err
		}
		defer file.Close()
		published, err := c.Upload(ctx, key, file, client.UploadOptions{
			Name:     "photo.jpg",
			Progress: func(done, total int64) { fmt.Printf("\r%d of %d", done, total) },
		})
		if err != nil {
			return err
		}
		fmt.Println("kept by message", published.Message.ItemHash)
		return nil
	}
	_ = upload // needs a node: `aleph local`
}

func ExampleClient_AllMessages() {
	list := func(ctx context.Context, c *client.Client) error {
		filter := client.MessageFilter{Types: []message.Type{message.TypeStore}, Since: time.Now().Add(-24 * time.Hour)}
		for m, err := range c.AllMessages(ctx, filter) {
			if err != nil {
				return err
			}
			if store, ok := m.Content.(*message.Store); ok {
				fmt.Println(m.ItemHash, "keeps", store.ItemHash)
			}
		}
		return nil
	}
	_ = list // needs a node: `aleph local`
}

func ExampleClient_Watch() {
	watch := func(ctx context.Context, c *client.Client) error {
		for m, err := range c.Watch(ctx, client.WatchFilter{History: 10}) {
			if err != nil {
				return err
			}
			fmt.Println(m.Type, m.ItemHash)
		}
		return nil // ctx has ended
	}
	_ = watch // needs a node: `aleph local`
}

func ExampleHashFile() {
	hash, size, err := client.HashFile(bytes.NewReader([]byte("hello")))
	fmt.Println(hash, size, err)
	// Output: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 5 <nil>
}

func ExampleVerifyReader() {
	hash := message.HashOf([]byte("hello"))
	r, err := client.VerifyReader(bytes.NewReader([]byte("jello")), hash)
	if err != nil {
		return
	}
	_, err = new(bytes.Buffer).ReadFrom(r)
	fmt.Println(errors.Is(err, message.ErrInvalid))
	// Output: true
}
