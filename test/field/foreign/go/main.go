// An agent and a client made with the Go SDK v2: `a2a serve PORT` and `a2a client BASE TOKEN`, which prints what it received as one
// line of JSON. The client reads cards of both protocol lines. Where it can read the card and not talk to the agent, it prints the
// binding that failed.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"os"
	"sort"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2aclient"
	"github.com/a2aproject/a2a-go/v2/a2aclient/agentcard"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = serve(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "client":
		err = client(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: a2a serve PORT | a2a client BASE TOKEN")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type echo struct{}

func (*echo) Execute(_ context.Context, call *a2asrv.ExecutorContext) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		text := ""
		for _, part := range call.Message.Parts {
			text += part.Text()
		}
		if text != "task" {
			yield(a2a.NewMessage(a2a.MessageRoleAgent, a2a.NewTextPart("You said: "+text)), nil)
			return
		}
		events := []a2a.Event{
			a2a.NewSubmittedTask(call, call.Message),
			a2a.NewStatusUpdateEvent(call, a2a.TaskStateWorking, nil),
			a2a.NewArtifactEvent(call, a2a.NewTextPart("one"), a2a.NewTextPart("zwei ü")),
			a2a.NewStatusUpdateEvent(call, a2a.TaskStateCompleted, nil),
		}
		for _, event := range events {
			if !yield(event, nil) {
				return
			}
		}
	}
}

func (*echo) Cancel(_ context.Context, _ *a2asrv.ExecutorContext) iter.Seq2[a2a.Event, error] {
	return func(func(a2a.Event, error) bool) {}
}

func serve(port string) error {
	base := "http://127.0.0.1:" + port
	card := &a2a.AgentCard{
		Name:        "go 2",
		Description: "made with the Go SDK",
		Version:     "1.0.0",
		SupportedInterfaces: []*a2a.AgentInterface{
			a2a.NewAgentInterface(base+"/invoke", a2a.TransportProtocolJSONRPC),
			a2a.NewAgentInterface(base+"/rest", a2a.TransportProtocolHTTPJSON),
		},
		DefaultInputModes:  []string{"text"},
		DefaultOutputModes: []string{"text"},
		Capabilities:       a2a.AgentCapabilities{Streaming: true},
		Skills:             []a2a.AgentSkill{{ID: "echo", Name: "Echo", Description: "echoes", Tags: []string{"test"}}},
	}
	handler := a2asrv.NewHandler(&echo{})
	mux := http.NewServeMux()
	mux.Handle("/invoke", a2asrv.NewJSONRPCHandler(handler))
	mux.Handle("/rest/", http.StripPrefix("/rest", a2asrv.NewRESTHandler(handler)))
	mux.Handle(a2asrv.WellKnownAgentCardPath, a2asrv.NewStaticAgentCardHandler(card))
	return http.ListenAndServe("127.0.0.1:"+port, mux)
}

// withToken adds the platform's credential to every request.
type withToken struct{ token string }

func (w withToken) RoundTrip(request *http.Request) (*http.Response, error) {
	if w.token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+w.token)
	}
	return http.DefaultTransport.RoundTrip(request)
}

func client(base, token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	web := &http.Client{Transport: withToken{token}}
	resolver := &agentcard.Resolver{Client: web, CardParser: a2av0.NewAgentCardParser()}
	card, err := resolver.Resolve(ctx, base)
	if err != nil {
		return fmt.Errorf("card: %w", err)
	}
	result := map[string]any{"name": card.Name}
	for _, binding := range []a2a.TransportProtocol{a2a.TransportProtocolJSONRPC, a2a.TransportProtocolHTTPJSON} {
		offered := false
		for _, one := range card.SupportedInterfaces {
			offered = offered || one.ProtocolBinding == binding
		}
		if !offered {
			continue
		}
		if err := talk(ctx, web, card, binding, result); err != nil {
			fmt.Fprintln(os.Stderr, binding, err)
			result["failed"] = string(binding)
		}
	}
	line, err := json.Marshal(result)
	fmt.Println(string(line))
	return err
}

func talk(ctx context.Context, web *http.Client, card *a2a.AgentCard, binding a2a.TransportProtocol, result map[string]any) error {
	one, err := a2aclient.NewFromCard(ctx, card,
		a2aclient.WithConfig(a2aclient.Config{PreferredTransports: []a2a.TransportProtocol{binding}}),
		a2aclient.WithJSONRPCTransport(web),
		a2aclient.WithRESTTransport(web),
		a2av0.WithJSONRPCTransport(a2av0.JSONRPCTransportConfig{Client: web}),
		a2av0.WithRESTTransport(a2av0.RESTTransportConfig{Client: web}),
	)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	request := func(text string) *a2a.SendMessageRequest {
		return &a2a.SendMessageRequest{Message: a2a.NewMessage(a2a.MessageRoleUser, a2a.NewTextPart(text))}
	}
	for _, text := range []string{"hello ☎", "task"} {
		sent, err := one.SendMessage(ctx, request(text))
		if err != nil {
			return fmt.Errorf("send %s: %w", text, err)
		}
		result[fmt.Sprintf("%s sent %s", binding, text)] = textsOf(sent)
		events := [][]string{}
		for event, err := range one.SendStreamingMessage(ctx, request(text)) {
			if err != nil {
				return fmt.Errorf("stream %s: %w", text, err)
			}
			events = append(events, textsOf(event))
		}
		result[fmt.Sprintf("%s streamed %s", binding, text)] = events
	}
	return nil
}

// textsOf is what is the same in every run: texts and states, in their order.
func textsOf(event any) []string {
	line, err := json.Marshal(event)
	if err != nil {
		return []string{err.Error()}
	}
	var value any
	if err := json.Unmarshal(line, &value); err != nil {
		return []string{err.Error()}
	}
	texts := []string{}
	collect(value, &texts)
	return texts
}

func collect(value any, texts *[]string) {
	switch value := value.(type) {
	case []any:
		for _, entry := range value {
			collect(entry, texts)
		}
	case map[string]any:
		keys := []string{}
		for key, entry := range value {
			keys = append(keys, key)
			if text, ok := entry.(string); ok && (key == "text" || key == "state") {
				*texts = append(*texts, text)
			}
		}
		sort.Strings(keys)
		for _, key := range keys {
			collect(value[key], texts)
		}
	}
}
