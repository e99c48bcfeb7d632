// One picture to the endpoint with HttpURLConnection, which is what Kotlin uses as well.
// Arguments: base URL, then "file PATH", "url URL" (a POST) or "get URL" (a GET). Prints the answer.

import java.io.DataOutputStream;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

public class Infer {
    public static void main(String[] args) throws Exception {
        String base = args[0], kind = args[1], value = args[2];
        String target = base + "/my-pose/3?api_key=any";
        if (!kind.equals("file")) {
            target += "&image=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
        }
        // With a picture's URL, the documented program writes its own URL as the body.
        String body = kind.equals("file") ? Base64.getEncoder().encodeToString(Files.readAllBytes(Path.of(value))) : target;

        HttpURLConnection connection = (HttpURLConnection) new URL(target).openConnection();
        if (!kind.equals("get")) {
            connection.setRequestMethod("POST");
            connection.setRequestProperty("Content-Type", "application/x-www-form-urlencoded");
            connection.setRequestProperty("Content-Length", Integer.toString(body.getBytes().length));
            connection.setRequestProperty("Content-Language", "en-US");
            connection.setUseCaches(false);
            connection.setDoOutput(true);
            try (DataOutputStream out = new DataOutputStream(connection.getOutputStream())) {
                out.writeBytes(body);
            }
        }
        try (InputStream in = connection.getInputStream()) {
            System.out.println(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }
}
