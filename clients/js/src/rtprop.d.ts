/* Types of rtprop-client. */

export type State = 'idle' | 'connecting' | 'resuming' | 'open' | 'waiting'
    | 'offline' | 'closed';

export interface Frame<P = any> {
    type: string;
    payload: P;
    id?: string | number;
    channel?: string;
    offset?: number;
    epoch?: string;
}

export interface BackoffOptions {
    /** ms: the first delay lies between min and base */
    base?: number;
    factor?: number;
    /** ms: no delay is longer */
    max?: number;
    /** ms: no delay is shorter */
    min?: number;
    /** ms: jitter after 1012 */
    restart?: number;
    /** ms: jitter after 1013 */
    slow?: number;
    /** failures in a row before giving up */
    attempts?: number;
}

export type TokenReason = 'first' | 'reconnect' | 'expired' | 'refused'
    | 'refresh';

export interface Options {
    token?: string | null
        | ((ctx: { reason: TokenReason }) => string | Promise<string>);
    tokenIn?: 'protocol' | 'query';
    params?: Record<string, string | number>;
    backoff?: BackoffOptions;
    connectTimeout?: number;
    requestTimeout?: number;
    maxWait?: number;
    maxPending?: number;
    queue?: number;
    volatileTtl?: number;
    maxBuffered?: number;
    pingInterval?: number;
    pongTimeout?: number;
    offlineTimeout?: number;
    stableAfter?: number;
    returnWhenKicked?: boolean;
    /** a constructor like the browser's, for node */
    WebSocket?: new (url: string, protocols?: string[]) => any;
    timers?: {
        setTimeout(fn: () => void, ms: number): unknown;
        clearTimeout(timer: unknown): void;
    };
    clock?: () => number;
    random?: () => number;
    /** where online, offline and visibilitychange come from */
    events?: any;
}

export interface RequestOptions {
    timeout?: number;
    maxWait?: number;
    queue?: boolean;
    retry?: boolean;
}

export interface SendOptions {
    volatile?: boolean;
    key?: string;
    queue?: boolean;
}

export interface Command {
    type: string;
    payload: object;
}

export interface Membership extends Command {
    channel: string;
    leave?: Command;
    resume?: boolean;
}

export class RtpropError extends Error {
    readonly code: string;
    readonly payload: Record<string, any>;
    readonly retryable: boolean;
}

export class Emitter<E extends Record<string, any[]> = Record<string, any[]>> {
    on<K extends keyof E & string>(type: K,
                                   fn: (...args: E[K]) => void): () => void;
    once<K extends keyof E & string>(type: K,
                                     fn: (...args: E[K]) => void): () => void;
    off<K extends keyof E & string>(type: K, fn?: (...args: E[K]) => void): void;
    emit<K extends keyof E & string>(type: K, ...args: E[K]): number;
}

export interface User {
    id: string;
    name?: string;
    role?: string;
    avatar?: string;
}

export interface Attachment {
    url: string;
    name?: string;
    size?: number;
    mime?: string;
}

export interface ChatMessage {
    id: string;
    message_id: string;
    conversation_id: string;
    content: string;
    sender: User;
    from: string;
    attachments: (string | Attachment)[];
    client_message_id: string | null;
    created_at: string;
    timestamp: string;
}

export interface Participant {
    id: string;
    name?: string;
    online?: boolean;
    last_seen?: string | null;
}

export interface PropertyState {
    property_id: string;
    title?: string;
    status?: PropertyStatus;
    price?: number;
    viewer_count?: number;
    wishlist_today?: number;
    viewings_this_week?: number;
    agent?: Record<string, any>;
    [extra: string]: any;
}

export type PropertyStatus = 'available' | 'under_offer' | 'sold' | 'rented'
    | 'withdrawn';

export interface PriceUpdated {
    property_id: string;
    title?: string;
    old_price: number;
    new_price: number;
    percentage_change: number;
    is_price_drop: boolean;
    updated_at: string;
}

export interface StatusChanged {
    property_id: string;
    title?: string;
    old_status: PropertyStatus;
    new_status: PropertyStatus;
    updated_at: string;
}

export type AuctionStatus = 'scheduled' | 'live' | 'paused' | 'ended'
    | 'cancelled';

export interface AuctionData {
    id: string;
    auction_id: string;
    property_id?: string;
    property_title?: string;
    status: AuctionStatus;
    current_price: number;
    minimum_bid: number;
    minimum_next_bid: number;
    bid_increment: number;
    starts_at: string;
    ends_at: string;
    reserve_met: boolean;
    version: number;
}

export interface Bid {
    id: string;
    bid_id?: string;
    amount: number;
    bidder_number: number;
    created_at: string;
}

export interface BidAccepted {
    auction_id: string;
    bid_id: string;
    amount: number;
    bidder_id: string;
    bidder_number: number;
    timestamp: string;
}

export interface Outbid {
    auction_id: string;
    property_title?: string;
    your_bid: number;
    new_high_bid: number;
    minimum_to_win: number;
}

export interface AuctionEnded {
    auction_id: string;
    winner_id: string | null;
    winner_bidder_number: number | null;
    final_price: number | null;
    winning_bid: Bid | number | null;
    reserve_met: boolean;
    ended_at: string;
}

export interface AgentStatusPayload {
    agent_id: string;
    status: 'online' | 'busy' | 'offline';
    last_seen: string | null;
    property_ids: string[];
    estimated_available: string | null;
    typical_reply_minutes: number | null;
}

export interface Notification {
    id: string;
    kind: string;
    category: 'property' | 'communication' | 'appointment' | 'transaction'
        | 'other';
    priority: 'instant' | 'batched' | 'digest';
    title: string;
    body: string;
    data: Record<string, any>;
    actions: { label: string; url: string }[];
    created_at: string;
    read_at: string | null;
}

/** Frames by type: (payload, frame). */
export interface ServerEvents {
    'welcome': [{ session_id: string; user: User; server_time: string;
                  ping_interval: number; resume: boolean;
                  channels?: Record<string, { epoch: string;
                                              offset: number }> }, Frame];
    'error': [{ code: string; message: string; event?: string;
                field?: string; retry_after_ms?: number }, Frame];
    'chat:joined': [{ conversation_id: string; participants: Participant[];
                      participant_count: number;
                      last_message_id: string | null;
                      unread_count: number }, Frame];
    'chat:new_message': [ChatMessage, Frame];
    'chat:user_joined': [{ conversation_id: string; user_id: string;
                           user_name: string }, Frame];
    'chat:user_left': [{ conversation_id: string; user_id: string;
                         user_name: string }, Frame];
    'chat:user_typing': [{ conversation_id: string; user_id: string;
                           user_name: string; is_typing: boolean }, Frame];
    'chat:user_stopped_typing': [{ conversation_id: string; user_id: string;
                                   user_name: string; is_typing: boolean },
                                 Frame];
    'chat:messages_read': [{ conversation_id: string; message_id: string;
                             up_to_message_id: string; read_by: string;
                             read_at: string }, Frame];
    'chat:delivered': [{ conversation_id: string; message_id: string;
                         user_id: string }, Frame];
    'presence:user_online': [{ user_id: string; user_name: string;
                               conversation_id: string }, Frame];
    'presence:user_offline': [{ user_id: string; user_name: string;
                                conversation_id: string;
                                last_seen: string }, Frame];
    'presence:agent_status': [AgentStatusPayload, Frame];
    'property:state': [PropertyState, Frame];
    'property:viewer_count': [{ property_id: string; count: number;
                                viewer_count: number }, Frame];
    'property:status_changed': [StatusChanged, Frame];
    'property:price_updated': [PriceUpdated, Frame];
    'property:activity_update': [{ property_id: string;
                                   wishlist_today: number;
                                   viewings_this_week: number }, Frame];
    'auction:state': [any, Frame];
    'auction:new_bid': [{ auction_id: string; bid: Bid;
                          auction: AuctionData }, Frame];
    'auction:bid_accepted': [BidAccepted, Frame];
    'auction:bid_rejected': [{ auction_id: string; code: string;
                               reason: string; amount: number;
                               minimum_bid: number;
                               current_price: number }, Frame];
    'auction:outbid': [Outbid, Frame];
    'auction:timer_sync': [{ auction_id: string; status: string;
                             ends_at: string;
                             server_time: string; remaining_seconds: number;
                             version: number }, Frame];
    'auction:time_extended': [{ auction_id: string; ends_at: string;
                                new_end_time: string; reason: string;
                                server_time: string;
                                remaining_seconds: number }, Frame];
    'auction:ended': [AuctionEnded, Frame];
    'notification': [Notification, Frame];
    'notification:unread': [{ unread_count: number }, Frame];
    'connection:state': [{ state: State; from: State; delay?: number;
                           attempt?: number; code?: number }];
    'connection:open': [{ sessionId: string; user: User }];
    'connection:close': [{ code: number; reason: string;
                           delay: number | null }];
    'connection:refused': [{ code: number; reason: string }];
    'connection:dropped': [{ type: string; payload: any; reason: string }];
    'connection:rejoin_refused': [{ channel: string; error: RtpropError }];
    'connection:invalid': [{ data?: any; error?: Error }];
    [type: string]: any[];
}

export class Client extends Emitter<ServerEvents> {
    constructor(url: string | (() => string), options?: Options);
    readonly state: State;
    readonly sessionId: string | null;
    readonly user: User | null;
    readonly queued: number;
    readonly clock: { offset: number; rtt: number | null; now(): number };
    now(): number;
    connect(): this;
    connectNow(): void;
    close(code?: number, reason?: string): void;
    probe(ms?: number): void;
    send(type: string, payload?: object, options?: SendOptions): boolean;
    request<P = any>(type: string, payload?: object,
                     options?: RequestOptions): Promise<Frame<P>>;
    join(membership: Membership): Promise<Frame | null>;
    leave(membership: Pick<Membership, 'channel' | 'type'>): void;
    refreshToken(token?: string): Promise<{ expires_at: string }>;
}

export function connect(url: string | (() => string),
                        options?: Options): Client;

export type MessageStatus = 'queued' | 'sending' | 'sent' | 'delivered'
    | 'read' | 'failed';

export interface ConversationMessage extends Partial<ChatMessage> {
    content: string;
    sender: User;
    mine: boolean;
    status?: MessageStatus;
    error?: RtpropError;
}

export class Conversation extends Emitter {
    constructor(client: Client, id: string | number);
    readonly id: string;
    messages: ConversationMessage[];
    participants: Map<string, Participant>;
    typing: Map<string, string>;
    unread: number;
    hasMore: boolean;
    joined: boolean;
    join(options?: { limit?: number }): Promise<any>;
    leave(): void;
    send(content: string,
         options?: { attachments?: (string | Attachment)[] }):
        ConversationMessage;
    retry(message: ConversationMessage): void;
    type(isTyping?: boolean): void;
    markRead(): void;
    older(limit?: number): Promise<number>;
}

export class Property extends Emitter {
    constructor(client: Client, id: string | number);
    readonly id: string;
    state: PropertyState;
    viewers: number | null;
    view(): Promise<PropertyState>;
    watch(): Promise<PropertyState>;
    leave(): void;
}

export class Auction extends Emitter {
    constructor(client: Client, id: string | number);
    readonly id: string;
    auction: AuctionData | null;
    bids: Bid[];
    bidderNumber: number | null;
    leader: number | null;
    bidders: number;
    result: AuctionEnded | null;
    readonly leading: boolean;
    readonly minimum: number | null;
    join(): Promise<any>;
    leave(): void;
    remaining(): number;
    bid(amount: number): Promise<BidAccepted>;
    history(options?: { before?: string; limit?: number }): Promise<any>;
}

export class AgentStatus extends Emitter {
    constructor(client: Client, agentId: string | number);
    readonly id: string;
    status: 'online' | 'busy' | 'offline' | null;
    detail: AgentStatusPayload | null;
    check(): Promise<AgentStatusPayload>;
    leave(): void;
}

export const agent: {
    online(client: Client): Promise<Frame>;
    offline(client: Client): Promise<Frame>;
    busy(client: Client, until?: Date | string): Promise<Frame>;
};

export class Notifications extends Emitter {
    constructor(client: Client);
    items: Notification[];
    unread: number;
    load(options?: { before?: string; limit?: number }): Promise<any>;
    read(id?: string): Promise<void>;
    leave(): void;
}
