// Go's own reverse proxy on one address, beside which this server is measured. Its argument is the agent's URL; it prints
// its port.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	agent, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = 256
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	// The parent holds the other end of the standard input: when it ends, this process ends.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(request *httputil.ProxyRequest) { request.SetURL(agent) },
		Transport:     transport,
		FlushInterval: -1,
		// Clients that leave are no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	handler := func(writer http.ResponseWriter, request *http.Request) {
		// The body is read first, as this server does: Go's server closes it when the answer begins, and an agent that
		// answers at once would then break the request to it.
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(writer, request)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(handler)))
}
