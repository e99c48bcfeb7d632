// One picture to the endpoint with Go's own library. Arguments: base URL, then "file PATH" or "url URL".
package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func main() {
	base, kind, value := os.Args[1], os.Args[2], os.Args[3]
	target := base + "/my-pose/3?api_key=any"
	var body io.Reader
	if kind == "file" {
		content, err := os.ReadFile(value)
		check(err)
		// A strings.Reader has a length and no Content-Type.
		body = strings.NewReader(base64.StdEncoding.EncodeToString(content))
	} else {
		target += "&image=" + url.QueryEscape(value)
	}
	request, err := http.NewRequest("POST", target, body)
	check(err)
	request.Header.Set("Accept", "application/json")
	response, err := (&http.Client{}).Do(request)
	check(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	check(err)
	if response.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, response.Status, string(answer))
		os.Exit(1)
	}
	fmt.Println(string(answer))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
