// One picture to the endpoint with axios. Arguments: base URL, then "file PATH" or "url URL". Prints the answer.
const axios = require("axios");
const fs = require("fs");

const [base, kind, value] = process.argv.slice(2);
const common = { method: "POST", url: `${base}/my-pose/3` };
const request =
  kind === "file"
    ? {
        ...common,
        params: { api_key: "any" },
        data: fs.readFileSync(value, { encoding: "base64" }),
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
      }
    : { ...common, params: { api_key: "any", image: value } };

axios(request)
  .then((response) => console.log(JSON.stringify(response.data)))
  .catch((error) => {
    console.error(error.message, error.response && error.response.data);
    process.exit(1);
  });
