/** TagResource, UntagResource, ListTagsForResource. */
export {};
