/* The HTTP interface under /api/, as a back office would use it. */

export class ApiError extends Error {
    constructor(status, data) {
        super(explain(status, data));
        this.name = 'ApiError';
        this.status = status;
        this.code = data?.code;
    }
}


/* Calls, answers the JSON body; throws an ApiError for any refusal. */
export async function call(method, path, body, headers = {}) {
    let response;

    try {
        response = await fetch(`/api/${path}`, {
            method,
            cache: 'no-store',
            headers: body === undefined ? headers
                     : { 'Content-Type': 'application/json', ...headers },
            body: body === undefined ? undefined : JSON.stringify(body)
        });
    } catch {
        throw new ApiError(0);
    }

    const data = await response.json().catch(() => null);

    if (!response.ok) {
        throw new ApiError(response.status, data);
    }

    return data;
}


function explain(status, data) {
    switch (status) {

    case 0:
        return 'The server did not answer. Is nginx running?';

    case 401:
    case 403:
        return 'The HTTP interface refused this browser: without a key it'
               + ' answers only on the machine itself (loopback). Open this'
               + ' page as http://127.0.0.1 there, or set rtprop_api_key and'
               + ' use a back office of your own.';

    case 409:
        return data?.message ?? 'That does not fit the present state.';

    default:
        return data?.message ?? `The server answered ${status}.`;
    }
}
